"""A VAE of series of three channels and 50 steps with two hidden layers, GELU and 16 latent dimensions."""

import torch
from torch import nn

DIFFERS = "series of three channels, two hidden layers with GELU, 16 latent dimensions"


class SeriesVAE(nn.Module):
    def __init__(self, seq_len=50, n_channels=3, hidden=128, latent_dim=16):
        super().__init__()
        self.latent_dim = latent_dim
        self.input_shape = (seq_len, n_channels)
        entries = seq_len * n_channels
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(entries, hidden), nn.GELU(), nn.Linear(hidden, hidden), nn.GELU())
        self.mu = nn.Linear(hidden, latent_dim)
        self.logvar = nn.Linear(hidden, latent_dim)
        self.decoder = nn.Sequential(
            nn.Linear(latent_dim, hidden), nn.GELU(), nn.Linear(hidden, hidden), nn.GELU(), nn.Linear(hidden, entries)
        )

    def encode(self, x):
        h = self.encoder(x)
        return self.mu(h), self.logvar(h)

    def reparameterize(self, mu, logvar):
        return mu + torch.randn_like(mu) * torch.exp(0.5 * logvar)

    def decode(self, z):
        return self.decoder(z).view(-1, *self.input_shape)

    def forward(self, x):
        mu, logvar = self.encode(x)
        return self.decode(self.reparameterize(mu, logvar)), mu, logvar

    def loss(self, x_hat, x, mu, logvar, beta=1.0):
        recon = 0.5 * ((x_hat - x) ** 2).sum(dim=(1, 2)).mean()
        kl = -0.5 * (1 + logvar - mu**2 - logvar.exp()).sum(1).mean()
        return recon + beta * kl, recon, kl
