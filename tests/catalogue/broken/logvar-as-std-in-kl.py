"""The sampling step treats the head as a log-variance, the KL as a log-standard deviation.

The KL reads higher than it should wherever sigma is not 1, and the posterior stays too wide.
"""

import torch
from _sound import VAE as SoundVAE
from torch.nn import functional as F

MISTAKE = "logvar-as-std"
KILLERS = ("KL-02", "KL-03", "KL-05")


class VAE(SoundVAE):
    def loss(self, x_hat, x, mu, logvar, beta=1.0):
        reconstruction = F.binary_cross_entropy(x_hat, x, reduction="sum") / x.size(0)
        log_std = logvar
        kl = -0.5 * torch.sum(1 + 2 * log_std - mu.pow(2) - torch.exp(2 * log_std)) / x.size(0)
        return reconstruction + beta * kl, reconstruction, kl
