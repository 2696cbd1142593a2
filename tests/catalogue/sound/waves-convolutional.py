"""A VAE of series with one-dimensional convolutions: two channels first, then 64 steps."""

import torch
from torch import nn

DIFFERS = "series of shape (channels, length), Conv1d and ConvTranspose1d"
OPTIONS = {"input_shape": [2, 64]}


class ConvVAE(nn.Module):
    def __init__(self, channels=2, latent_dim=10):
        super().__init__()
        self.latent_dim = latent_dim
        self.down = nn.Sequential(
            nn.Conv1d(channels, 16, 4, stride=2, padding=1), nn.ReLU(), nn.Conv1d(16, 16, 4, stride=2, padding=1), nn.ReLU(), nn.Flatten()
        )
        self.mu = nn.Linear(16 * 16, latent_dim)
        self.logvar = nn.Linear(16 * 16, latent_dim)
        self.widen = nn.Linear(latent_dim, 16 * 16)
        self.up = nn.Sequential(
            nn.ConvTranspose1d(16, 16, 4, stride=2, padding=1), nn.ReLU(), nn.ConvTranspose1d(16, channels, 4, stride=2, padding=1)
        )

    def encode(self, x):
        h = self.down(x)
        return self.mu(h), self.logvar(h)

    def reparameterize(self, mu, logvar):
        return mu + torch.randn_like(mu) * torch.exp(0.5 * logvar)

    def decode(self, z):
        return self.up(torch.relu(self.widen(z)).view(-1, 16, 16))

    def forward(self, x):
        mu, logvar = self.encode(x)
        return self.decode(self.reparameterize(mu, logvar)), mu, logvar

    def loss(self, x_hat, x, mu, logvar, beta=1.0):
        recon = 0.5 * ((x_hat - x) ** 2).flatten(1).sum(1).mean()
        kl = -0.5 * (1 + logvar - mu**2 - logvar.exp()).sum(1).mean()
        return recon + beta * kl, recon, kl
