"""The image is scaled to [-1, 1], as for a tanh decoder, but the decoder is a sigmoid with a Bernoulli likelihood.

Everything darker than mid-grey turns black, and the loss is negative.
"""

import torch
from _sound import VAE as SoundVAE

MISTAKE = "data-out-of-range"
KILLERS = ("OBJ-03",)


class VAE(SoundVAE):
    def loss(self, x_hat, x, mu, logvar, beta=1.0):
        target = 2 * x - 1
        p = x_hat.clamp(1e-6, 1 - 1e-6)
        reconstruction = -(target * p.log() + (1 - target) * (1 - p).log()).sum() / x.size(0)
        kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp()) / x.size(0)
        return reconstruction + beta * kl, reconstruction, kl
