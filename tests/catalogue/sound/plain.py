"""The usual one: an MLP on images, Bernoulli likelihood, every term summed and divided by the batch size."""

import torch
from torch import nn
from torch.nn import functional as F

DIFFERS = "one hidden layer, ReLU, native interface"


class VAE(nn.Module):
    def __init__(self, input_shape=(1, 28, 28), hidden_dim=128, latent_dim=16):
        super().__init__()
        self.input_shape = input_shape
        self.latent_dim = latent_dim
        pixels = input_shape[0] * input_shape[1] * input_shape[2]
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(pixels, hidden_dim), nn.ReLU())
        self.fc_mu = nn.Linear(hidden_dim, latent_dim)
        self.fc_logvar = nn.Linear(hidden_dim, latent_dim)
        self.decoder = nn.Sequential(
            nn.Linear(latent_dim, hidden_dim),
            nn.ReLU(),
            nn.Linear(hidden_dim, pixels),
            nn.Sigmoid(),
            nn.Unflatten(1, input_shape),
        )

    def encode(self, x):
        h = self.encoder(x)
        return self.fc_mu(h), self.fc_logvar(h)

    def reparameterize(self, mu, logvar):
        std = torch.exp(0.5 * logvar)
        return mu + std * torch.randn_like(std)

    def decode(self, z):
        return self.decoder(z)

    def forward(self, x):
        mu, logvar = self.encode(x)
        return self.decode(self.reparameterize(mu, logvar)), mu, logvar

    def loss(self, x_hat, x, mu, logvar, beta=1.0):
        batch = x.size(0)
        reconstruction = F.binary_cross_entropy(x_hat, x, reduction="sum") / batch
        kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp()) / batch
        return reconstruction + beta * kl, reconstruction, kl
