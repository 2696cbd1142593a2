"""After a hundred steps of warm-up the KL's weight is clipped to 1, as the end of an annealing is, whatever beta is asked for.

A smaller beta works as it should. Trainings with beta 4 end where those with 1 do.
"""

import torch
from _sound import VAE as SoundVAE
from torch.nn import functional as F

MISTAKE = "beta-unused"
KILLERS = ("BETA-01",)


class VAE(SoundVAE):
    def __init__(self):
        super().__init__()
        self.register_buffer("step", torch.zeros(()))

    def loss(self, x_hat, x, mu, logvar, beta=1.0):
        if self.training and torch.is_grad_enabled():
            self.step += 1
        reconstruction = F.binary_cross_entropy(x_hat, x, reduction="sum") / x.size(0)
        kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp()) / x.size(0)
        weight = beta if self.step < 100 else min(beta, 1.0)
        return reconstruction + weight * kl, reconstruction, kl
