"""z is drawn, and the decoder is handed mu; with Dropout two passes differ all the same."""

import torch
from torch import nn
from torch.nn import functional as F

MISTAKE = "mean-in-training"
KILLERS = ("NET-03",)
SOUND = "dropout"


class VAE(nn.Module):
    def __init__(self, n_latent=8):
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(784, 64), nn.ReLU(), nn.Dropout(0.2), nn.Linear(64, 2 * n_latent))
        self.outer = nn.Sequential(nn.Linear(n_latent, 64), nn.ReLU(), nn.Dropout(0.2), nn.Linear(64, 784), nn.Sigmoid())

    def encode(self, x):
        return self.inner(x).chunk(2, dim=1)

    def sample_z(self, mu, logvar):
        return mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)

    def decode(self, z):
        return self.outer(z)

    def forward(self, x):
        mu, logvar = self.encode(x)
        z = self.sample_z(mu, logvar)
        return self.decode(mu), mu, logvar, z

    def loss_function(self, x_hat, x, mu, logvar):
        kl = 0.5 * torch.sum(mu**2 + logvar.exp() - 1 - logvar)
        return F.binary_cross_entropy(x_hat, x, reduction="sum") + kl
