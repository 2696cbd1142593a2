"""The decoder ends with a ReLU, with a squared error.

A pixel whose unit is negative for every code gets no gradient: it stays black in all images, for good.
"""

import torch
from _sound import VAE as SoundVAE
from torch import nn
from torch.nn import functional as F

MISTAKE = "decoder-range"
KILLERS = ("NET-02",)


class VAE(SoundVAE):
    def __init__(self):
        super().__init__()
        self.decoder = nn.Sequential(
            nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(),
            nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(),
            nn.Linear(64, 784), nn.ReLU(),
        )

    def loss(self, x_hat, x, mu, logvar, beta=1.0):
        reconstruction = 0.5 * F.mse_loss(x_hat, x, reduction="sum") / x.size(0)
        kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp()) / x.size(0)
        return reconstruction + beta * kl, reconstruction, kl
