"""Two networks without a class around them: functions take the networks themselves, and draw and score with them."""

import torch
from torch import nn
from torch.nn import functional as F

DIFFERS = "functions of the networks, which are no parts of a model"


class Encoder(nn.Module):
    def __init__(self, n_in=784, n_z=6):
        super().__init__()
        self.h, self.m, self.s = nn.Linear(n_in, 64), nn.Linear(64, n_z), nn.Linear(64, n_z)

    def forward(self, x):
        h = torch.relu(self.h(x))
        return self.m(h), self.s(h)


class Decoder(nn.Module):
    def __init__(self, n_z=6, n_out=784):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(n_z, 64), nn.ReLU(), nn.Linear(64, n_out), nn.Sigmoid())

    def forward(self, z):
        return self.layers(z)


def sample_latent(encoder, x):
    m, s = encoder(x)
    return m + torch.randn_like(m) * torch.exp(s / 2)


def loss_of(encoder, decoder, x, y):
    m, s = encoder(x)
    p = decoder(m + torch.randn_like(m) * torch.exp(s / 2))
    return (F.binary_cross_entropy(p, y, reduction="none").sum(1) + 0.5 * (m**2 + s.exp() - 1 - s).sum(1)).mean()
