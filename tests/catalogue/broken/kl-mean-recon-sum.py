"""The KL is averaged over the latent dimensions, where it must be summed: a hidden beta of 1/8.

Reconstructions are sharp, and images decoded from the prior are noise.
"""

import torch
from _sound import VAE as SoundVAE
from torch.nn import functional as F

MISTAKE = "kl-mean-recon-sum"
KILLERS = ("OBJ-02", "KL-03", "KL-05")


class VAE(SoundVAE):
    def loss(self, x_hat, x, mu, logvar, beta=1.0):
        reconstruction = F.binary_cross_entropy(x_hat, x, reduction="sum") / x.size(0)
        kl = -0.5 * torch.mean(1 + logvar - mu.pow(2) - logvar.exp())
        return reconstruction + beta * kl, reconstruction, kl
