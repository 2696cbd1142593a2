"""A student's file: a sound one, and variants with mistakes."""

from __future__ import annotations

GOOD = '''"""A student's file, which prints when it is imported."""
import torch
from torch import nn
from torch.nn import functional as F

print("importing the student's file")


class VAE(nn.Module):
    latent_dim = 3

    def __init__(self):
        super().__init__()
        self.hidden, self.head, self.second = nn.Linear(64, 16), nn.Linear(16, 3), nn.Linear(16, 3)
        self.layers = nn.Sequential(nn.Linear(3, 16), nn.ReLU(), nn.Linear(16, 64), nn.Sigmoid())

    def encode(self, x):
        h = torch.relu(self.hidden(x.flatten(1)))
        return self.head(h), self.second(h)

    def reparameterize(self, mu, logvar):
        return mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)

    def decode(self, z):
        return self.layers(z).view(-1, 1, 8, 8)

    def forward(self, x):
        mu, logvar = self.encode(x)
        return self.decode(self.reparameterize(mu, logvar)), mu, logvar

    def loss(self, x_hat, x, mu, logvar, beta=1.0):
        reconstruction = F.binary_cross_entropy(x_hat, x, reduction="none").flatten(1).sum(1).mean()
        kl = 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(1).mean()
        return reconstruction + beta * kl, reconstruction, kl
'''


LOSS = GOOD[GOOD.index("    def loss") :]


def changed(*changes: tuple[str, str]) -> str:
    """Return the sound file with parts of it replaced."""
    source = GOOD
    for old, new in changes:
        assert source.count(old) == 1
        source = source.replace(old, new)
    return source
