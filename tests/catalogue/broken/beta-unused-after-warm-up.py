"""A warm-up of the KL ends at 1 after a hundred steps, whatever beta is asked for.

The first losses are right for every beta. Trainings with beta 0.1 and 4 end alike.
"""

import torch
from _sound import VAE as SoundVAE
from torch.nn import functional as F

MISTAKE = "beta-unused"
KILLERS = ("BETA-01", "BETA-03", "BETA-04")


class VAE(SoundVAE):
    def __init__(self):
        super().__init__()
        self.register_buffer("step", torch.zeros(()))

    def loss(self, x_hat, x, mu, logvar, beta=1.0):
        if self.training and torch.is_grad_enabled():
            self.step += 1
        reconstruction = F.binary_cross_entropy(x_hat, x, reduction="sum") / x.size(0)
        kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp()) / x.size(0)
        weight = beta if self.step < 100 else 1.0
        return reconstruction + weight * kl, reconstruction, kl
