"""The KL is a function of its own, and is called with its arguments in the wrong order."""

import torch
from _sound import VAE as SoundVAE
from torch.nn import functional as F

MISTAKE = "swapped-heads"
KILLERS = ("KL-03", "KL-02")


def divergence(mu, logvar):
    return 0.5 * torch.sum(mu**2 + torch.exp(logvar) - 1 - logvar, dim=1)


class VAE(SoundVAE):
    def loss(self, x_hat, x, mu, logvar, beta=1.0):
        reconstruction = F.binary_cross_entropy(x_hat, x, reduction="sum") / x.size(0)
        kl = divergence(logvar, mu).mean()
        return reconstruction + beta * kl, reconstruction, kl
