"""The KL is added to the total as a number: it is reported, and nothing learns from it."""

import torch
from torch import nn
from torch.nn import functional as F

MISTAKE = "no-encoder-gradient"
KILLERS = ("OBJ-04",)
SOUND = "weight-on-purpose"


class VAE(nn.Module):
    def __init__(self, n_pixels=784, n_latent=8):
        super().__init__()
        self.enc = nn.Sequential(nn.Linear(n_pixels, 64), nn.ReLU())
        self.mu, self.log_var = nn.Linear(64, n_latent), nn.Linear(64, n_latent)
        self.dec = nn.Sequential(nn.Linear(n_latent, 64), nn.ReLU(), nn.Linear(64, n_pixels))

    def encode(self, x):
        h = self.enc(x)
        return self.mu(h), self.log_var(h)

    def reparameterize(self, mu, log_var):
        return mu + torch.exp(0.5 * log_var) * torch.randn_like(mu)

    def decode(self, z):
        return self.dec(z)

    def forward(self, x):
        mu, log_var = self.encode(x)
        return self.decode(self.reparameterize(mu, log_var)), mu, log_var

    def loss(self, logits, x, mu, log_var, beta=1.0):
        nll = F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(1).mean()
        kl = (-0.5 * torch.sum(1 + log_var - mu**2 - log_var.exp(), dim=1)).mean()
        with torch.no_grad():
            penalty = beta * kl
        return nll + penalty, nll, kl
