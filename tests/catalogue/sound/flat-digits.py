"""Sixty-four flat pixels, and a head for the logarithm of sigma that sampler and KL both read as such."""

import torch
from torch import nn
from torch.nn import functional as F

DIFFERS = "flat 64, log-std head"


class DigitVAE(nn.Module):
    def __init__(self, pixels=64, width=96, latent_dim=5):
        super().__init__()
        self.input_shape = (pixels,)
        self.latent_dim = latent_dim
        self.body = nn.Sequential(nn.Linear(pixels, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU())
        self.mean = nn.Linear(width, latent_dim)
        self.log_std = nn.Linear(width, latent_dim)
        self.generator = nn.Sequential(nn.Linear(latent_dim, width), nn.ReLU(), nn.Linear(width, pixels))

    def encode(self, x):
        h = self.body(x)
        return self.mean(h), self.log_std(h)

    def reparameterize(self, mu, log_std):
        return mu + log_std.exp() * torch.randn_like(mu)

    def decode(self, z):
        return torch.sigmoid(self.generator(z))

    def forward(self, x):
        mu, log_std = self.encode(x)
        return self.decode(self.reparameterize(mu, log_std)), mu, log_std

    def loss(self, x_hat, x, mu, log_std, beta=1.0):
        reconstruction = F.binary_cross_entropy(x_hat, x, reduction="none").sum(dim=1).mean()
        kl = torch.sum(0.5 * (mu.pow(2) + torch.exp(2 * log_std) - 1) - log_std, dim=1).mean()
        return reconstruction + beta * kl, reconstruction, kl
