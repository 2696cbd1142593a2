"""Heads and sampling inline in forward, which returns its KL too; the loss is a method of the batch that calls forward."""

import torch
from torch import nn
from torch.nn import functional as F

DIFFERS = "encoder inline; forward gives (recon, mu, logvar, kl); loss(x, reduce=True) calls forward"


class VAE(nn.Module):
    def __init__(self, n_in=784, n_hidden=128, n_z=8):
        super().__init__()
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(n_in, n_hidden), nn.Tanh())
        self.mu = nn.Linear(n_hidden, n_z)
        self.logvar = nn.Linear(n_hidden, n_z)
        self.decoder = nn.Sequential(
            nn.Linear(n_z, n_hidden), nn.Tanh(), nn.Linear(n_hidden, n_in), nn.Sigmoid(), nn.Unflatten(1, (1, 28, 28))
        )

    def forward(self, x):
        h = self.encoder(x)
        mu, logvar = self.mu(h), self.logvar(h)
        std = torch.exp(0.5 * logvar)
        z = mu + std * torch.randn_like(std)
        kl = 0.5 * torch.sum(mu**2 + std**2 - 1 - logvar, dim=1)
        return self.decoder(z), mu, logvar, kl

    def loss(self, x, reduce=True):
        x_hat, _mu, _logvar, kl = self(x)
        items = F.binary_cross_entropy(x_hat, x, reduction="none").flatten(1).sum(1) + kl
        return items.mean() if reduce else items
