"""The image is normalised to mean 0 and deviation 1 before it is compared with Bernoulli probabilities.

The loss is negative and falls without end; grey pixels come out black or white.
"""

import torch
from _sound import VAE as SoundVAE

MISTAKE = "data-out-of-range"
KILLERS = ("OBJ-03",)


class VAE(SoundVAE):
    def loss(self, x_hat, x, mu, logvar, beta=1.0):
        target = (x - 0.1307) / 0.3081
        p = x_hat.clamp(1e-6, 1 - 1e-6)
        reconstruction = -(target * p.log() + (1 - target) * (1 - p).log()).sum() / x.size(0)
        kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp()) / x.size(0)
        return reconstruction + beta * kl, reconstruction, kl
