"""Beta is applied twice: to the KL term, and again where the terms are added.

At beta = 1 nothing is amiss; 4 acts as 16, and 0.1 as 0.01.
"""

import torch
from _sound import VAE as SoundVAE
from torch.nn import functional as F

MISTAKE = "beta-unused"
KILLERS = ("OBJ-01",)


class VAE(SoundVAE):
    def loss(self, x_hat, x, mu, logvar, beta=1.0):
        reconstruction = F.binary_cross_entropy(x_hat, x, reduction="sum") / x.size(0)
        kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp()) / x.size(0)
        weighted = beta * kl
        return reconstruction + beta * weighted, reconstruction, kl
