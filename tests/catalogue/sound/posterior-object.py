"""The encoder gives an object of the file's own, which draws codes and knows its KL; the loss takes it."""

import torch
from torch import nn
from torch.nn import functional as F

DIFFERS = "encode gives a Gaussian of the file's own; loss(inputs, reconstructions, posterior, kl_weight)"


class Gaussian:
    def __init__(self, moments):
        self.moments = moments
        self.mean, self.logvar = moments.chunk(2, dim=1)
        self.std = torch.exp(0.5 * self.logvar)
        self.var = self.std**2

    def sample(self):
        return self.mean + self.std * torch.randn_like(self.mean)

    def kl(self):
        return 0.5 * torch.sum(self.mean**2 + self.var - 1 - self.logvar, dim=1)


class AutoencoderKL(nn.Module):
    def __init__(self, hidden=128, embed_dim=8):
        super().__init__()
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(784, hidden), nn.SiLU())
        self.moments = nn.Linear(hidden, 2 * embed_dim)
        self.decoder = nn.Sequential(nn.Linear(embed_dim, hidden), nn.SiLU(), nn.Linear(hidden, 784), nn.Unflatten(1, (1, 28, 28)))

    def encode(self, x):
        return Gaussian(self.moments(self.encoder(x)))

    def decode(self, z):
        return self.decoder(z)

    def forward(self, x):
        posterior = self.encode(x)
        return self.decode(posterior.sample()), posterior


def compute_loss(inputs, reconstructions, posterior, kl_weight=1.0):
    nll = F.binary_cross_entropy_with_logits(reconstructions, inputs, reduction="sum") / len(inputs)
    return nll + kl_weight * posterior.kl().mean()
