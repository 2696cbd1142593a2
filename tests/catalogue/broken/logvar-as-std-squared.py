"""The KL squares the log-variance where it must exponentiate it.

The KL is negative at the prior and least at sigma^2 = 1.65, so every posterior is too wide.
"""

import torch
from _sound import VAE as SoundVAE
from torch.nn import functional as F

MISTAKE = "logvar-as-std"
KILLERS = ("KL-01", "KL-02", "KL-03")


class VAE(SoundVAE):
    def loss(self, x_hat, x, mu, logvar, beta=1.0):
        reconstruction = F.binary_cross_entropy(x_hat, x, reduction="sum") / x.size(0)
        kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.pow(2)) / x.size(0)
        return reconstruction + beta * kl, reconstruction, kl
