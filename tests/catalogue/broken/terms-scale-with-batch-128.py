"""The number 128 stands where the batch size belongs, in one term of two.

All is well until somebody changes the batch size; and the last, smaller batch of each epoch is weighted wrongly.
"""

import torch
from _sound import VAE as SoundVAE
from torch.nn import functional as F

MISTAKE = "terms-scale-with-batch"
KILLERS = ("OBJ-02", "KL-03")


BATCH_SIZE = 128


class VAE(SoundVAE):
    def loss(self, x_hat, x, mu, logvar, beta=1.0):
        reconstruction = F.binary_cross_entropy(x_hat, x, reduction="sum") / BATCH_SIZE
        kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp(), dim=1).mean()
        return reconstruction + beta * kl, reconstruction, kl
