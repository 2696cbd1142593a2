"""The KL is subtracted from the reconstruction term, where it must be added.

The loss goes to minus infinity, the codes fly away, and then everything is NaN.
"""

import torch
from _sound import VAE as SoundVAE
from torch.nn import functional as F

MISTAKE = "kl-sign"
KILLERS = ("OBJ-01", "OBJ-02", "TRN-01", "LAT-02", "SMP-04")


class VAE(SoundVAE):
    def loss(self, x_hat, x, mu, logvar, beta=1.0):
        reconstruction = F.binary_cross_entropy(x_hat, x, reduction="sum") / x.size(0)
        kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp()) / x.size(0)
        return reconstruction - beta * kl, reconstruction, kl
