"""A VAE for points in the plane with SiLU throughout, a wider hidden layer, a third latent dimension, and samples of its own.

The losses are means over items of sums over dimensions; the squared error is written without its 1/2.
"""

import torch
from torch import nn

DIFFERS = "points in the plane, SiLU, three latent dimensions, sample(n) draws from the prior"


class PointsVAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.latent_dim = 3
        self.encoder = nn.Sequential(nn.Linear(2, 32), nn.SiLU())
        self.mu = nn.Linear(32, 3)
        self.logvar = nn.Linear(32, 3)
        self.decoder = nn.Sequential(nn.Linear(3, 32), nn.SiLU(), nn.Linear(32, 2))

    def encode(self, x):
        h = self.encoder(x)
        return self.mu(h), self.logvar(h)

    def reparameterize(self, mu, logvar):
        return mu + torch.randn_like(mu) * torch.exp(0.5 * logvar)

    def decode(self, z):
        return self.decoder(z)

    def forward(self, x):
        mu, logvar = self.encode(x)
        return self.decode(self.reparameterize(mu, logvar)), mu, logvar

    def loss(self, x_hat, x, mu, logvar, beta=1.0):
        recon = ((x_hat - x) ** 2).sum(1).mean()
        kl = -0.5 * (1 + logvar - mu**2 - logvar.exp()).sum(1).mean()
        return recon + beta * kl, recon, kl

    @torch.no_grad()
    def sample(self, n=1):
        z = torch.randn(n, self.latent_dim, device=self.mu.weight.device)
        return self.decode(z)
