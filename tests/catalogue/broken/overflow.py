"""The cross-entropy is written out with bare logarithms: 0 * log(0) is NaN.

After some epochs a pixel saturates, the loss is NaN, and all weights with it.
"""

import torch
from _sound import VAE as SoundVAE

MISTAKE = "overflow"
KILLERS = ("OBJ-05",)


class VAE(SoundVAE):
    def loss(self, x_hat, x, mu, logvar, beta=1.0):
        per_pixel = x * torch.log(x_hat) + (1 - x) * torch.log(1 - x_hat)
        reconstruction = -per_pixel.sum() / x.size(0)
        kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp()) / x.size(0)
        return reconstruction + beta * kl, reconstruction, kl
