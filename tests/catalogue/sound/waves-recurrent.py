"""A VAE of short series whose encoder is a GRU over time; the decoder gives all steps at once."""

import torch
from torch import nn

DIFFERS = "series of shape (length, channels), a GRU in the encoder"
OPTIONS = {"input_shape": [20, 2]}


class RecurrentVAE(nn.Module):
    def __init__(self, channels=2, length=20, hidden=48, latent_dim=6):
        super().__init__()
        self.latent_dim, self.length, self.channels = latent_dim, length, channels
        self.rnn = nn.GRU(channels, hidden, batch_first=True)
        self.mu = nn.Linear(hidden, latent_dim)
        self.logvar = nn.Linear(hidden, latent_dim)
        self.decoder = nn.Sequential(nn.Linear(latent_dim, 64), nn.ReLU(), nn.Linear(64, length * channels))

    def encode(self, x):
        _, last = self.rnn(x)
        return self.mu(last[-1]), self.logvar(last[-1])

    def reparameterize(self, mu, logvar):
        return mu + torch.randn_like(mu) * torch.exp(0.5 * logvar)

    def decode(self, z):
        return self.decoder(z).view(-1, self.length, self.channels)

    def forward(self, x):
        mu, logvar = self.encode(x)
        return self.decode(self.reparameterize(mu, logvar)), mu, logvar

    def loss(self, x_hat, x, mu, logvar, beta=1.0):
        recon = 0.5 * ((x_hat - x) ** 2).sum((1, 2)).mean()
        kl = -0.5 * (1 + logvar - mu**2 - logvar.exp()).sum(1).mean()
        return recon + beta * kl, recon, kl
