"""Sizes from a table of settings, chosen by the command line or the environment; the class by its name."""

import os
import sys

import torch
from torch import nn
from torch.nn import functional as F

DIFFERS = "constructed with values that follow from a command line"

COMMON = {"pixels": 784, "width": 48}
TABLE = {"compact": {**COMMON, "codes": 7}, "roomy": COMMON | {"codes": 20}}


class Mirror(nn.Module):
    def __init__(self, pixels, width, codes, slope):
        super().__init__()
        self.narrow = nn.Sequential(nn.Linear(pixels, width), nn.LeakyReLU(slope), nn.Linear(width, 2 * codes))
        self.widen = nn.Sequential(nn.Linear(codes, width), nn.LeakyReLU(slope), nn.Linear(width, pixels))

    def encode(self, x):
        return self.narrow(x.flatten(1)).chunk(2, dim=1)

    def reparameterize(self, mu, logvar):
        return mu + torch.exp(logvar / 2) * torch.randn_like(mu)

    def decode(self, z):
        return torch.sigmoid(self.widen(z))

    def forward(self, x):
        mu, logvar = self.encode(x)
        return self.decode(self.reparameterize(mu, logvar)), mu, logvar


def vae_loss(recon_x, x, mu, logvar):
    bce = F.binary_cross_entropy(recon_x, x.flatten(1), reduction="sum")
    return (bce + 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum()) / len(x)


KINDS = {"mirror": Mirror}


def main(arguments):
    chosen = dict(one.split("=") for one in arguments if "=" in one)
    slope = float(os.environ.get("SLOPE", "0.1"))
    size = "compact"
    if len(arguments) > 1:
        size = arguments[1]
    model = KINDS[chosen.get("kind", "mirror")](**TABLE[size], slope=slope)
    print(sum(one.numel() for one in model.parameters()))


if __name__ == "__main__":
    main(sys.argv[1:])
