"""The second head is a softplus standard deviation, and the one number that the loss returns is made by torch.distributions.

At a standard deviation of 0 that loss refuses to be computed.
"""

import torch
from torch import nn
from torch.distributions import Normal, kl_divergence
from torch.nn import functional as F

DIFFERS = "softplus std head; KL of torch.distributions, which refuse std = 0; scalar loss"


class VAE(nn.Module):
    def __init__(self, hidden=64, latent=6):
        super().__init__()
        self.features = nn.Sequential(nn.Flatten(), nn.Linear(784, hidden), nn.SiLU())
        self.center = nn.Linear(hidden, latent)
        self.width = nn.Linear(hidden, latent)
        self.back = nn.Sequential(nn.Linear(latent, hidden), nn.SiLU(), nn.Linear(hidden, 784), nn.Sigmoid())

    def encode(self, x):
        h = self.features(x)
        return self.center(h), F.softplus(self.width(h)) + 1e-4

    def reparameterize(self, mu, std):
        return mu + std * torch.randn_like(std)

    def decode(self, z):
        return self.back(z).view(-1, 1, 28, 28)

    def forward(self, x):
        mu, std = self.encode(x)
        return self.decode(self.reparameterize(mu, std)), mu, std

    def loss(self, x_hat, x, mu, std):
        kl = kl_divergence(Normal(mu, std), Normal(torch.zeros_like(mu), torch.ones_like(std))).sum(1)
        return (F.binary_cross_entropy(x_hat, x, reduction="none").flatten(1).sum(1) + kl).mean()
