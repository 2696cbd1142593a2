"""A VAE of rows with three hidden layers, SiLU and LayerNorm, whose loss is a function beside it."""

import torch
from torch import nn
from torch.nn import functional as F

DIFFERS = "rows, three hidden layers with LayerNorm and SiLU, ten latent dimensions, loss as a function"


def block(before, after):
    return nn.Sequential(nn.Linear(before, after), nn.LayerNorm(after), nn.SiLU())


class VAE(nn.Module):
    def __init__(self, n_features=30, latent_dim=10):
        super().__init__()
        self.latent_dim = latent_dim
        self.body = nn.Sequential(block(n_features, 128), block(128, 64), block(64, 32))
        self.fc_mu, self.fc_logvar = nn.Linear(32, latent_dim), nn.Linear(32, latent_dim)
        self.head = nn.Sequential(block(latent_dim, 32), block(32, 64), block(64, 128), nn.Linear(128, n_features))

    def encode(self, x):
        h = self.body(x)
        return self.fc_mu(h), self.fc_logvar(h)

    def reparameterize(self, mu, logvar):
        std = (0.5 * logvar).exp()
        return mu + std * torch.randn_like(std)

    def decode(self, z):
        return self.head(z)

    def forward(self, x):
        mu, logvar = self.encode(x)
        return self.decode(self.reparameterize(mu, logvar)), mu, logvar


def vae_loss(recon_x, x, mu, logvar, beta=1.0):
    recon = 0.5 * F.mse_loss(recon_x, x, reduction="sum") / x.shape[0]
    kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp()) / x.shape[0]
    return recon + beta * kl, recon, kl
