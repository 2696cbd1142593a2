"""A VAE of rows whose decoder multiplies z by zero."""

import torch
from torch import nn

MISTAKE = "decoder-ignores-z"
KILLERS = ("NET-02", "COL-01", "REC-01")
SOUND = "rows-plain"


class TabularVAE(nn.Module):
    def __init__(self, columns=30, hidden=64, latent_dim=6):
        super().__init__()
        self.latent_dim = latent_dim
        self.encoder = nn.Sequential(nn.Linear(columns, hidden), nn.ReLU())
        self.mu = nn.Linear(hidden, latent_dim)
        self.logvar = nn.Linear(hidden, latent_dim)
        self.decoder = nn.Sequential(nn.Linear(latent_dim, hidden), nn.ReLU(), nn.Linear(hidden, columns))

    def encode(self, x):
        h = self.encoder(x)
        return self.mu(h), self.logvar(h)

    def reparameterize(self, mu, logvar):
        return mu + torch.randn_like(mu) * torch.exp(0.5 * logvar)

    def decode(self, z):
        return self.decoder(0 * z)

    def forward(self, x):
        mu, logvar = self.encode(x)
        return self.decode(self.reparameterize(mu, logvar)), mu, logvar

    def loss(self, x_hat, x, mu, logvar, beta=1.0):
        recon = 0.5 * ((x_hat - x) ** 2).sum(1).mean()
        kl = -0.5 * (1 + logvar - mu**2 - logvar.exp()).sum(1).mean()
        return recon + beta * kl, recon, kl
