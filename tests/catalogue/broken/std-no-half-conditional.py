"""A conditional VAE that draws with exp(logvar) for its standard deviation."""

import torch
from torch import nn
from torch.nn import functional as F

MISTAKE = "std-no-half"
KILLERS = ("REP-01", "REP-02", "KL-02")
SOUND = "conditional"


class ConditionalVAE(nn.Module):
    def __init__(self, n_pixels=784, n_classes=10, n_latent=8):
        super().__init__()
        self.n_classes = n_classes
        self.inner = nn.Linear(n_pixels + n_classes, 64)
        self.mu, self.logvar = nn.Linear(64, n_latent), nn.Linear(64, n_latent)
        self.outer = nn.Sequential(nn.Linear(n_latent + n_classes, 64), nn.ReLU(), nn.Linear(64, n_pixels), nn.Sigmoid())

    def encode(self, x, label):
        h = torch.relu(self.inner(torch.cat([x, label], dim=1)))
        return self.mu(h), self.logvar(h)

    def reparameterize(self, mu, logvar):
        return mu + torch.exp(logvar) * torch.randn_like(mu)

    def decode(self, z, label):
        return self.outer(torch.cat([z, label], dim=1))

    def forward(self, x, label):
        mu, logvar = self.encode(x, label)
        return self.decode(self.reparameterize(mu, logvar), label), mu, logvar


def vae_loss(x_hat, x, mu, logvar, beta=1.0):
    reconstruction = F.binary_cross_entropy(x_hat, x, reduction="sum") / len(x)
    kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp()) / len(x)
    return reconstruction + beta * kl, reconstruction, kl
