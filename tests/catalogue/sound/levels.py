"""Each pixel is one of 256 levels: the decoder gives scores for all of them, and the loss is a cross-entropy over levels."""

import torch
from torch import nn
from torch.nn import functional as F

DIFFERS = "256-way categorical output; Sampling step named parameterize; flat 64 pixels"


class LevelsVAE(nn.Module):
    def __init__(self, input_dim=64, hidden_dim=32, latent_dim=6):
        super().__init__()
        self.input_dim = input_dim
        self.enc = nn.Sequential(nn.Linear(input_dim, hidden_dim), nn.ReLU())
        self.mu = nn.Linear(hidden_dim, latent_dim)
        self.logvar = nn.Linear(hidden_dim, latent_dim)
        self.dec = nn.Sequential(nn.Linear(latent_dim, hidden_dim), nn.ReLU(), nn.Linear(hidden_dim, input_dim * 256))

    def encode(self, x):
        h = self.enc(x)
        return self.mu(h), self.logvar(h)

    def parameterize(self, mu, logvar):
        return mu + torch.exp(logvar / 2) * torch.randn_like(mu)

    def decode(self, z):
        return self.dec(z).view(-1, 256, self.input_dim)

    def forward(self, x):
        mu, logvar = self.encode(x)
        return self.decode(self.parameterize(mu, logvar)), mu, logvar


def loss_function(scores, x, mu, logvar):
    levels = (x * 255).round().long()
    nll = F.cross_entropy(scores, levels, reduction="none").sum(1)
    kl = -0.5 * (1 + logvar - mu**2 - logvar.exp()).sum(1)
    return (nll + kl).mean()
