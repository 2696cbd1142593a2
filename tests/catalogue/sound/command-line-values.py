"""A script whose constructor call takes its values from the command line, with a flag, a condition and a default in quotes."""

import argparse

import torch
import torch.nn.functional as F
from torch import nn

DIFFERS = "sizes from argparse, a conditional argument, module-level loss"


class VAE(nn.Module):
    def __init__(self, units, z_size, wide):
        super().__init__()
        sizes = [784, *units]
        self.body = nn.Sequential(*(nn.Sequential(nn.Linear(a, b), nn.ReLU()) for a, b in zip(sizes, sizes[1:], strict=False)))
        self.mean = nn.Linear(sizes[-1], z_size)
        self.logvar = nn.Linear(sizes[-1], z_size)
        self.out = nn.Sequential(nn.Linear(z_size, wide), nn.ReLU(), nn.Linear(wide, 784), nn.Sigmoid())

    def encode(self, x):
        h = self.body(x)
        return self.mean(h), self.logvar(h)

    def reparameterize(self, mu, logvar):
        return mu + torch.exp(logvar / 2) * torch.randn_like(mu)

    def decode(self, z):
        return self.out(z)

    def forward(self, x):
        mu, logvar = self.encode(x)
        return self.decode(self.reparameterize(mu, logvar)), mu, logvar


def loss_function(x_hat, x, mu, logvar):
    bce = F.binary_cross_entropy(x_hat, x, reduction="sum")
    return bce - 0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("data")
    parser.add_argument("--z-size", type=int, default="12")
    parser.add_argument("--units", type=int, nargs="+", default=[256])
    parser.add_argument("--small", action="store_true")
    args = parser.parse_args()
    model = VAE(args.units, args.z_size, 64 if args.small else 256)
    optimizer = torch.optim.Adam(model.parameters())
    for x in torch.load(args.data):
        optimizer.zero_grad()
        x_hat, mu, logvar = model(x)
        loss_function(x_hat, x, mu, logvar).backward()
        optimizer.step()


if __name__ == "__main__":
    main()
