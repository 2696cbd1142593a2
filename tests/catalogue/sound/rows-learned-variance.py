"""A VAE of rows whose decoder gives the mean and the log-variance of each column."""

import torch
from torch import nn

DIFFERS = "rows, a variance of each column that the decoder learns"


class TabularVAE(nn.Module):
    def __init__(self, columns=30, hidden=64, latent_dim=6):
        super().__init__()
        self.latent_dim = latent_dim
        self.encoder = nn.Sequential(nn.Linear(columns, hidden), nn.Tanh())
        self.mu = nn.Linear(hidden, latent_dim)
        self.logvar = nn.Linear(hidden, latent_dim)
        self.hidden = nn.Sequential(nn.Linear(latent_dim, hidden), nn.Tanh())
        self.mean = nn.Linear(hidden, columns)
        self.log_variance = nn.Linear(hidden, columns)

    def encode(self, x):
        h = self.encoder(x)
        return self.mu(h), self.logvar(h)

    def reparameterize(self, mu, logvar):
        return mu + torch.randn_like(mu) * torch.exp(0.5 * logvar)

    def decode(self, z):
        h = self.hidden(z)
        return self.mean(h), self.log_variance(h).clamp(min=-5.0)

    def forward(self, x):
        mu, logvar = self.encode(x)
        return self.decode(self.reparameterize(mu, logvar)), mu, logvar

    def loss(self, x_hat, x, mu, logvar, beta=1.0):
        mean, log_variance = x_hat
        recon = 0.5 * (log_variance + (x - mean) ** 2 / log_variance.exp()).sum(1).mean()
        kl = -0.5 * (1 + logvar - mu**2 - logvar.exp()).sum(1).mean()
        return recon + beta * kl, recon, kl
