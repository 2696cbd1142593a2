"""Made for 16x16. view(-1, 128) folds a batch of smaller images into fewer rows, and larger ones into more."""

import torch
from torch import nn
from torch.nn import functional as F

DIFFERS = "runs on images of other sizes, whose rows are no items; the output takes the input's shape"


class SmallVAE(nn.Module):
    def __init__(self, z_dim=6):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 8, 4, stride=2, padding=1), nn.ReLU(), nn.Conv2d(8, 8, 4, stride=2, padding=1), nn.ReLU()
        )
        self.heads = nn.Linear(128, 2 * z_dim)
        self.back = nn.Sequential(nn.Linear(z_dim, 64), nn.ReLU(), nn.Linear(64, 256), nn.Sigmoid())

    def encode(self, x):
        return self.heads(self.body(x).view(-1, 128)).chunk(2, dim=1)

    def reparameterize(self, mu, logvar):
        return mu + torch.exp(logvar / 2) * torch.randn_like(mu)

    def forward(self, x):
        mu, logvar = self.encode(x)
        return self.back(self.reparameterize(mu, logvar)).view_as(x), mu, logvar


def loss_function(x_hat, x, mu, logvar, beta=1.0):
    reconstruction = F.binary_cross_entropy(x_hat, x, reduction="none").flatten(1).sum(1)
    kl = 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(1)
    return (reconstruction + beta * kl).mean()
