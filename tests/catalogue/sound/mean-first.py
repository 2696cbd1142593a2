"""Returns (mu, var, recon) with a variance from softplus; the loss is a named tuple."""

from collections import namedtuple

import torch
from torch import nn
from torch.distributions import Normal
from torch.nn import functional as F

DIFFERS = "(mu, variance, recon); softplus variance; a named tuple of terms; unbounded squared error"

Loss = namedtuple("Loss", ["reconstruction", "kl", "total"])


class GaussVAE(nn.Module):
    def __init__(self, in_features=784, hidden=(64,), latent_features=8):
        super().__init__()
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(in_features, hidden[0]), nn.SiLU())
        self.loc = nn.Linear(hidden[0], latent_features)
        self.var = nn.Sequential(nn.Linear(hidden[0], latent_features), nn.Softplus())
        self.decoder = nn.Sequential(
            nn.Linear(latent_features, hidden[0]), nn.SiLU(), nn.Linear(hidden[0], in_features), nn.Unflatten(1, (1, 28, 28))
        )

    def reparameterization(self, mu, var):
        return Normal(mu, var.sqrt()).rsample()

    def forward(self, x):
        h = self.encoder(x)
        mu, var = self.loc(h), self.var(h)
        return mu, var, self.decoder(self.reparameterization(mu, var))


def criterion(recon, x, mu, var, kl_weight=1.0):
    reconstruction = F.mse_loss(recon, x, reduction="sum") / (2 * x.shape[0])
    kl = torch.sum(mu**2 + var - var.log() - 1) / (2 * x.shape[0])
    return Loss(reconstruction, kl, reconstruction + kl_weight * kl)
