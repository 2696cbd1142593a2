"""Counts whose decoder gives the logarithms of their rates, inline in forward."""

import torch
from torch import nn
from torch.nn import functional as F

DIFFERS = "a likelihood of counts, by log-rates"


class Reads(nn.Module):
    def __init__(self, features=75, code=4):
        super().__init__()
        self.down = nn.Sequential(nn.Linear(features, 32), nn.Tanh())
        self.where, self.width = nn.Linear(32, code), nn.Linear(32, code)
        self.up = nn.Sequential(nn.Linear(code, 32), nn.Tanh(), nn.Linear(32, features))

    def forward(self, x):
        h = self.down((1 + x).log())
        mu, logvar = self.where(h), self.width(h)
        return self.up(mu + torch.randn_like(mu) * (0.5 * logvar).exp()), mu, logvar


def elbo_loss(log_rate, x, mu, logvar):
    nll = F.poisson_nll_loss(log_rate, x, reduction="sum")
    return nll + 0.5 * (mu.square() + logvar.exp() - 1 - logvar).sum()
