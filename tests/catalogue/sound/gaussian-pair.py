"""A Gaussian whose mean and log-variance both come from the decoder, as a pair."""

import torch
from torch import nn

DIFFERS = "Gaussian with learned variance"


class VAE(nn.Module):
    def __init__(self, latent_dim=8):
        super().__init__()
        self.latent_dim = latent_dim
        self.input_shape = (1, 28, 28)
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(784, 128), nn.ReLU())
        self.to_mu = nn.Linear(128, latent_dim)
        self.to_logvar = nn.Linear(128, latent_dim)
        self.hidden = nn.Sequential(nn.Linear(latent_dim, 128), nn.ReLU())
        self.mean = nn.Linear(128, 784)
        self.log_variance = nn.Linear(128, 784)

    def encode(self, x):
        h = self.encoder(x)
        return self.to_mu(h), self.to_logvar(h)

    def reparameterize(self, mu, logvar):
        std = torch.exp(0.5 * logvar)
        eps = torch.randn_like(std)
        return mu + eps * std

    def decode(self, z):
        h = self.hidden(z)
        mean = self.mean(h).view(-1, *self.input_shape)
        log_variance = self.log_variance(h).view(-1, *self.input_shape).clamp(min=-6.0)
        return mean, log_variance

    def forward(self, x):
        mu, logvar = self.encode(x)
        z = self.reparameterize(mu, logvar)
        x_hat = self.decode(z)
        return x_hat, mu, logvar

    def loss(self, x_hat, x, mu, logvar, beta=1.0):
        mean, log_variance = x_hat
        nll = 0.5 * (log_variance + (x - mean) ** 2 / log_variance.exp())
        recon = nll.sum() / x.size(0)
        kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp()) / x.size(0)
        return recon + beta * kl, recon, kl
