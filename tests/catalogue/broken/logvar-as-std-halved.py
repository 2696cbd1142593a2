"""The noise is multiplied by half the log-variance: the exp is forgotten."""

import torch
from torch import nn
from torch.nn import functional as F

MISTAKE = "logvar-as-std"
KILLERS = ("REP-01", "KL-02")


class VAE(nn.Module):
    def __init__(self, n_latent=8):
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 2 * n_latent))
        self.outer = nn.Sequential(nn.Linear(n_latent, 64), nn.ReLU(), nn.Linear(64, 784), nn.Sigmoid())

    def encode(self, x):
        return self.inner(x).chunk(2, dim=1)

    def reparameterize(self, mu, logvar):
        return mu + torch.randn_like(mu) * (logvar / 2)

    def decode(self, z):
        return self.outer(z)

    def forward(self, x):
        mu, logvar = self.encode(x)
        return self.decode(self.reparameterize(mu, logvar)), mu, logvar

    def loss(self, x_hat, x, mu, logvar):
        kl = 0.5 * torch.sum(mu**2 + logvar.exp() - 1 - logvar)
        return F.binary_cross_entropy(x_hat, x, reduction="sum") + kl
