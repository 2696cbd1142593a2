"""A Gaussian likelihood with a fixed sigma of 0.25, by which the error is divided before it is squared."""

import torch
from torch import nn

DIFFERS = "a scale of the likelihood that only its line declares"
SIGMA = 0.25


class VAE(nn.Module):
    def __init__(self, n_latent=8):
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 2 * n_latent))
        self.outer = nn.Sequential(nn.Linear(n_latent, 64), nn.ReLU(), nn.Linear(64, 784))

    def forward(self, x):
        mu, logvar = self.inner(x).chunk(2, 1)
        z = mu + torch.exp(logvar / 2) * torch.randn_like(mu)
        return self.outer(z), mu, logvar

    def loss(self, x_hat, x, mu, logvar):
        nll = 0.5 * (((x - x_hat) / SIGMA) ** 2).sum(1)
        kl = 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(1)
        return (nll + kl).mean()
