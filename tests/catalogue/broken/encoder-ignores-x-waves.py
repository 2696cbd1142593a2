"""A VAE of series whose encoder multiplies its input by zero."""

import torch
from torch import nn

MISTAKE = "encoder-ignores-x"
KILLERS = ("NET-01", "REC-01", "COL-01", "SMP-01")
SOUND = "waves-plain"


class SeriesVAE(nn.Module):
    def __init__(self, seq_len=64, n_channels=1, hidden=128, latent_dim=8):
        super().__init__()
        self.latent_dim = latent_dim
        self.input_shape = (seq_len, n_channels)
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(seq_len * n_channels, hidden), nn.ReLU())
        self.mu = nn.Linear(hidden, latent_dim)
        self.logvar = nn.Linear(hidden, latent_dim)
        self.decoder = nn.Sequential(nn.Linear(latent_dim, hidden), nn.ReLU(), nn.Linear(hidden, seq_len * n_channels))

    def encode(self, x):
        h = self.encoder(0 * x)
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
