"""A VAE of series whose likelihood has one variance that is learned for all steps."""

import torch
from torch import nn

DIFFERS = "series of shape (channels, length), one variance that the loss learns"


class SeriesVAE(nn.Module):
    def __init__(self, length=48, hidden=96, latent_dim=8):
        super().__init__()
        self.latent_dim = latent_dim
        self.input_shape = (1, length)
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(length, hidden), nn.Tanh())
        self.mu = nn.Linear(hidden, latent_dim)
        self.logvar = nn.Linear(hidden, latent_dim)
        self.decoder = nn.Sequential(nn.Linear(latent_dim, hidden), nn.Tanh(), nn.Linear(hidden, length))
        self.log_sigma = nn.Parameter(torch.zeros(()))

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
        log_sigma = self.log_sigma.clamp(min=-2.0)
        recon = (0.5 * (x_hat - x) ** 2 / torch.exp(2 * log_sigma) + log_sigma).sum((1, 2)).mean()
        kl = -0.5 * (1 + logvar - mu**2 - logvar.exp()).sum(1).mean()
        return recon + beta * kl, recon, kl
