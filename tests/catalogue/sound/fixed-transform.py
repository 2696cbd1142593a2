"""A layer that is fixed on purpose: a cosine transform stands before the encoder, with constant weights that need no gradient."""

import math

import torch
from torch import nn
from torch.nn import functional as F

DIFFERS = "a linear layer with constant weights and requires_grad_(False); a residual block; layer norm"


def cosines(n):
    i = torch.arange(n).float()
    return torch.cos(math.pi * (i + 0.5) * i.unsqueeze(1) / n) * math.sqrt(2 / n)


class VAE(nn.Module):
    def __init__(self, latent_dim=8, width=64):
        super().__init__()
        self.transform = nn.Linear(784, 784, bias=False)
        self.transform.weight.data.copy_(cosines(784))
        self.transform.requires_grad_(False)
        self.inward = nn.Linear(784, width)
        self.block = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))
        self.mu = nn.Linear(width, latent_dim)
        self.logvar = nn.Linear(width, latent_dim)
        self.out = nn.Sequential(nn.Linear(latent_dim, width), nn.SiLU(), nn.Linear(width, 784))

    def encode(self, x):
        h = self.inward(self.transform(x.flatten(1)))
        h = h + self.block(h)
        return self.mu(h), self.logvar(h)

    def reparameterize(self, mu, logvar):
        return mu + torch.exp(0.5 * logvar) * torch.randn_like(logvar)

    def decode(self, z):
        return self.out(z).sigmoid()

    def forward(self, x):
        mu, logvar = self.encode(x)
        return self.decode(self.reparameterize(mu, logvar)), mu, logvar

    def loss(self, x_hat, x, mu, logvar, beta=1.0):
        rec = F.binary_cross_entropy(x_hat, x.flatten(1), reduction="none").sum(1).mean()
        kl = -0.5 * (1 + logvar - mu.square() - logvar.exp()).sum(1).mean()
        return rec + beta * kl, rec, kl
