"""The KL squares the variance inside a logarithm: right on paper, but exp(logvar)**2 overflows from logvar = 44 on.

One bad batch in an early step, and the loss is infinite.
"""

import torch
from _sound import VAE as SoundVAE
from torch.nn import functional as F

MISTAKE = "overflow"
KILLERS = ("OBJ-05",)


class VAE(SoundVAE):
    def loss(self, x_hat, x, mu, logvar, beta=1.0):
        reconstruction = F.binary_cross_entropy(x_hat, x, reduction="sum") / x.size(0)
        var = torch.exp(logvar)
        kl = 0.5 * torch.sum(mu**2 + var - 1 - 0.5 * torch.log(var**2)) / x.size(0)
        return reconstruction + beta * kl, reconstruction, kl
