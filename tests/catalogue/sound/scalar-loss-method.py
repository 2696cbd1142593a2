"""A class whose loss is a method that returns one number, with torch.distributions for the noise."""

import torch
from torch import nn
from torch.distributions import Normal

DIFFERS = "scalar loss method, rsample, sample_z"


class VariationalAutoencoder(nn.Module):
    def __init__(self, latent_dim: int = 8, hidden: int = 128) -> None:
        super().__init__()
        self.latent_dim = latent_dim
        self.trunk = nn.Sequential(nn.Linear(784, hidden), nn.ELU())
        self.mu = nn.Linear(hidden, latent_dim)
        self.logvar = nn.Linear(hidden, latent_dim)
        self.net = nn.Sequential(nn.Linear(latent_dim, hidden), nn.ELU(), nn.Linear(hidden, 784), nn.Sigmoid())
        self.bce = nn.BCELoss(reduction="none")

    def encode(self, x):
        h = self.trunk(x.flatten(start_dim=1))
        return self.mu(h), self.logvar(h)

    def sample_z(self, mu, logvar):
        return Normal(mu, (0.5 * logvar).exp()).rsample()

    def decode(self, z):
        return self.net(z).reshape(-1, 1, 28, 28)

    def forward(self, x):
        mu, logvar = self.encode(x)
        z = self.sample_z(mu, logvar)
        return self.decode(z), mu, logvar

    def loss(self, x_hat, x, mu, logvar):
        reconstruction = self.bce(x_hat, x).flatten(1).sum(1)
        divergence = 0.5 * (mu**2 + logvar.exp() - logvar - 1).sum(1)
        return (reconstruction + divergence).mean()
