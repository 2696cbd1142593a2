"""The divergence is averaged over its two parts, means and variances, on top of its factor 1/2."""

import torch
from _sound import VAE as SoundVAE
from torch.nn import functional as F

MISTAKE = "kl-halved"
KILLERS = ("OBJ-02", "KL-03")


class VAE(SoundVAE):
    def loss(self, x_hat, x, mu, logvar, beta=1.0):
        reconstruction = F.binary_cross_entropy(x_hat, x, reduction="sum") / x.size(0)
        of_means = 0.5 * mu.square().sum(1)
        of_variances = 0.5 * (logvar.exp() - 1 - logvar).sum(1)
        kl = torch.stack([of_means, of_variances]).mean(0).mean()
        return reconstruction + beta * kl, reconstruction, kl
