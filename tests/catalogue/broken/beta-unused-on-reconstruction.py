"""Beta weighs the reconstruction, where it must weigh the KL.

A larger beta makes reconstructions sharper: the reverse of what every text says.
"""

import torch
from _sound import VAE as SoundVAE
from torch.nn import functional as F

MISTAKE = "beta-unused"
KILLERS = ("OBJ-01", "OBJ-04", "REC-02")


class VAE(SoundVAE):
    def loss(self, x_hat, x, mu, logvar, beta=1.0):
        reconstruction = F.binary_cross_entropy(x_hat, x, reduction="sum") / x.size(0)
        kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp()) / x.size(0)
        return beta * reconstruction + kl, reconstruction, kl
