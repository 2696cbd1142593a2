"""A Gaussian decoder whose log-variance is one learned number, given beside the mean."""

import torch
from torch import nn

DIFFERS = "Gaussian pair with one learned variance"


class VAE(nn.Module):
    def __init__(self, latent_dim=8):
        super().__init__()
        self.latent_dim = latent_dim
        self.input_shape = (1, 28, 28)
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(784, 128), nn.ReLU())
        self.to_mu = nn.Linear(128, latent_dim)
        self.to_logvar = nn.Linear(128, latent_dim)
        self.decoder = nn.Sequential(nn.Linear(latent_dim, 128), nn.ReLU(), nn.Linear(128, 784))
        self.log_variance = nn.Parameter(torch.zeros(()))

    def encode(self, x):
        h = self.encoder(x)
        return self.to_mu(h), self.to_logvar(h)

    def reparameterize(self, mu, logvar):
        std = torch.exp(0.5 * logvar)
        eps = torch.randn_like(std)
        return mu + eps * std

    def decode(self, z):
        mean = self.decoder(z).view(-1, *self.input_shape)
        return mean, self.log_variance.expand_as(mean)

    def forward(self, x):
        mu, logvar = self.encode(x)
        z = self.reparameterize(mu, logvar)
        x_hat = self.decode(z)
        return x_hat, mu, logvar

    def loss(self, x_hat, x, mu, logvar, beta=1.0):
        mean, log_variance = x_hat
        recon = 0.5 * torch.sum(log_variance + (x - mean).pow(2) * torch.exp(-log_variance)) / x.size(0)
        kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp()) / x.size(0)
        return recon + beta * kl, recon, kl
