"""The output is clamped far from 0 and 1 inside of the loss, so that a black pixel may be grey for nothing."""

import torch
from _sound import VAE as SoundVAE

MISTAKE = "weighted-pixels"
KILLERS = ("OBJ-03",)


class VAE(SoundVAE):
    def loss(self, x_hat, x, mu, logvar, beta=1.0):
        p = x_hat.clamp(0.05, 0.95)
        reconstruction = -(x * p.log() + (1 - x) * (1 - p).log()).sum() / x.size(0)
        kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp()) / x.size(0)
        return reconstruction + beta * kl, reconstruction, kl
