"""The reconstruction is a mean over the items, the KL a total over the batch.

A larger batch means a larger weight of the KL: at 128 items a batch the model collapses, at 2 it trains.
"""

import torch
from _sound import VAE as SoundVAE
from torch.nn import functional as F

MISTAKE = "terms-scale-with-batch"
KILLERS = ("OBJ-02", "KL-03")


class VAE(SoundVAE):
    def loss(self, x_hat, x, mu, logvar, beta=1.0):
        reconstruction = F.binary_cross_entropy(x_hat, x, reduction="sum") / x.size(0)
        kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
        return reconstruction + beta * kl, reconstruction, kl
