"""The decoder gives a Normal with a learned standard deviation, and the loss its log-likelihood."""

import torch
from torch import nn
from torch.distributions import Normal
from torch.nn import functional as F

DIFFERS = "decode gives a Normal with a learned std; forward gives a dict of a distribution, mean and logvar; loss(x) alone"


class VAE(nn.Module):
    def __init__(self, latent_dim=8, hidden_dim=64):
        super().__init__()
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(784, hidden_dim), nn.ReLU())
        self.mean = nn.Linear(hidden_dim, latent_dim)
        self.logvar = nn.Linear(hidden_dim, latent_dim)
        self.up = nn.Sequential(nn.Linear(latent_dim, hidden_dim), nn.ReLU())
        self.x_mean = nn.Linear(hidden_dim, 784)
        self.x_std = nn.Linear(hidden_dim, 784)

    def encode(self, x):
        h = self.body(x)
        return self.mean(h), self.logvar(h)

    def sample_normal(self, mean, logvar):
        return mean + torch.exp(0.5 * logvar) * torch.randn_like(mean)

    def decode(self, z):
        h = self.up(z)
        return Normal(self.x_mean(h).view(-1, 1, 28, 28), F.softplus(self.x_std(h)).view(-1, 1, 28, 28) + 0.05)

    def forward(self, x):
        mean, logvar = self.encode(x)
        return {"p_x": self.decode(self.sample_normal(mean, logvar)), "mean": mean, "logvar": logvar}

    def loss(self, x):
        out = self.forward(x)
        nll = -out["p_x"].log_prob(x).flatten(1).sum(1)
        kl = 0.5 * (out["mean"] ** 2 + out["logvar"].exp() - 1 - out["logvar"]).sum(1)
        return (nll + kl).mean()
