"""A criterion object with its default reduction stands beside a hand-written KL that is summed.

The squared error starts near 0.1 and hardly moves; the KL reads 0.00 after the first epoch.
"""

import torch
from _sound import VAE as SoundVAE
from torch import nn

MISTAKE = "recon-mean-kl-sum"
KILLERS = ("OBJ-02", "KL-03")


class VAE(SoundVAE):
    def __init__(self):
        super().__init__()
        self.criterion = nn.MSELoss()

    def loss(self, x_hat, x, mu, logvar, beta=1.0):
        reconstruction = self.criterion(x_hat, x)
        kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp(), dim=1).mean()
        return reconstruction + beta * kl, reconstruction, kl
