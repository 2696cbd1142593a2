"""The file normalises its data to [-1, 1], and the loss puts its target back to [0, 1] for the cross-entropy."""

import torch
from torch import nn
from torch.nn import functional as F
from torchvision.transforms import Compose, Normalize, ToTensor

DIFFERS = "data in [-1, 1] beside an output in [0, 1]"
TRANSFORM = Compose([ToTensor(), Normalize(mean=[0.5], std=[0.5])])


class Net(nn.Module):
    def __init__(self, size=8):
        super().__init__()
        self.enc = nn.Sequential(nn.Flatten(), nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 2 * size))
        self.dec = nn.Sequential(nn.Linear(size, 64), nn.ReLU(), nn.Linear(64, 784), nn.Sigmoid(), nn.Unflatten(1, (1, 28, 28)))

    def forward(self, x):
        mu, logvar = self.enc(x).chunk(2, dim=1)
        return self.dec(mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)), mu, logvar


def criterion(out, x, mu, logvar, beta=1.0):
    image = 0.5 * x + 0.5
    kl = -0.5 * (1 + logvar - mu.pow(2) - logvar.exp()).sum()
    return F.binary_cross_entropy(out, image, reduction="sum") + beta * kl
