"""Flat images, with a constructor whose arguments have no defaults."""

import torch
import torch.nn as nn
import torch.nn.functional as F

DIFFERS = "flat 784, required constructor arguments, reparametrize"
OPTIONS = {"input_shape": [784]}


class VAE(nn.Module):
    def __init__(self, input_dim, hidden_dim, latent_dim):
        super().__init__()
        self.latent_dim = latent_dim
        self.encoder = nn.Sequential(
            nn.Linear(input_dim, hidden_dim),
            nn.ReLU(),
            nn.Linear(hidden_dim, hidden_dim),
            nn.ReLU(),
        )
        self.mean_layer = nn.Linear(hidden_dim, latent_dim)
        self.logvar_layer = nn.Linear(hidden_dim, latent_dim)
        self.decoder = nn.Sequential(
            nn.Linear(latent_dim, hidden_dim),
            nn.ReLU(),
            nn.Linear(hidden_dim, hidden_dim),
            nn.ReLU(),
            nn.Linear(hidden_dim, input_dim),
            nn.Sigmoid(),
        )

    def encode(self, x):
        h = self.encoder(x)
        return self.mean_layer(h), self.logvar_layer(h)

    def reparametrize(self, mean, logvar):
        noise = torch.randn_like(mean)
        return mean + noise * (logvar / 2).exp()

    def decode(self, z):
        return self.decoder(z)

    def forward(self, x):
        mean, logvar = self.encode(x)
        return self.decode(self.reparametrize(mean, logvar)), mean, logvar

    def loss(self, x_hat, x, mean, logvar, beta=1.0):
        recon = F.binary_cross_entropy(x_hat, x, reduction="sum") / x.size(0)
        kl = -0.5 * torch.sum(1 + logvar - mean.pow(2) - logvar.exp()) / x.size(0)
        return recon + beta * kl, recon, kl
