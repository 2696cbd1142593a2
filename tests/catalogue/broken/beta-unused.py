"""The loss takes beta and never uses it.

Runs with beta 0.1 and beta 4 give the same curves.
"""

import torch
from _sound import VAE as SoundVAE
from torch.nn import functional as F

MISTAKE = "beta-unused"
KILLERS = ("OBJ-01", "BETA-01", "BETA-03", "BETA-04")


class VAE(SoundVAE):
    def loss(self, x_hat, x, mu, logvar, beta=1.0):
        reconstruction = F.binary_cross_entropy(x_hat, x, reduction="sum") / x.size(0)
        kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp()) / x.size(0)
        return reconstruction + kl, reconstruction, kl
