"""Counts of items under a multinomial likelihood: the output is a score of each item, no value of the data's."""

import torch
from torch import nn

DIFFERS = "a likelihood that the suite does not know"


class Basket(nn.Module):
    def __init__(self, n_items=120, n_latent=6):
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(n_items, 48), nn.Tanh(), nn.Linear(48, 2 * n_latent))
        self.outer = nn.Sequential(nn.Linear(n_latent, 48), nn.Tanh(), nn.Linear(48, n_items))

    def encode(self, x):
        return self.inner(x).chunk(2, dim=1)

    def decode(self, z):
        return self.outer(z)

    def forward(self, x):
        mu, logvar = self.encode(x)
        return self.decode(mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)), mu, logvar


def loss_function(scores, x, mu, logvar):
    nll = -(x * torch.log_softmax(scores, dim=-1)).sum(1)
    return (nll + 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(1)).mean()
