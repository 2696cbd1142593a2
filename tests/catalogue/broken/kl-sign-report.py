"""The optimised total is right, but the KL that is returned has the wrong sign.

The log shows a KL of minus twenty, and its author tries to "make it positive" elsewhere.
"""

import torch
from _sound import VAE as SoundVAE
from torch.nn import functional as F

MISTAKE = "kl-sign"
KILLERS = ("OBJ-01",)


class VAE(SoundVAE):
    def loss(self, x_hat, x, mu, logvar, beta=1.0):
        reconstruction = F.binary_cross_entropy(x_hat, x, reduction="sum") / x.size(0)
        kl = 0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp()) / x.size(0)
        return reconstruction - beta * kl, reconstruction, kl
