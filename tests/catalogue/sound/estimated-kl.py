"""The loss scores the draw that forward returns under posterior and prior, in place of a closed form; the head is log sigma."""

import math

import torch
from torch import nn
from torch.nn import functional as F

DIFFERS = "one-sample KL, log q(z|x) - log p(z), of the returned draw; a log-sigma head; a residual decoder"


def log_density(value, center, log_scale):
    return -(log_scale + 0.5 * math.log(2 * math.pi) + 0.5 * ((value - center) / log_scale.exp()) ** 2).sum(-1)


class OneSampleVAE(nn.Module):
    def __init__(self, in_features=784, width=64, code_size=8):
        super().__init__()
        self.reader = nn.Sequential(nn.Flatten(), nn.Linear(in_features, width), nn.LeakyReLU(0.2))
        self.center = nn.Linear(width, code_size)
        self.log_scale = nn.Linear(width, code_size)
        self.widen = nn.Linear(code_size, width)
        self.mix = nn.Linear(width, width)
        self.paint = nn.Linear(width, in_features)

    def encode(self, x):
        h = self.reader(x)
        return self.center(h), self.log_scale(h)

    def sample_code(self, center, log_scale):
        return center + log_scale.exp() * torch.randn_like(center)

    def decode(self, z):
        h = F.leaky_relu(self.widen(z), 0.2)
        return self.paint(h + F.leaky_relu(self.mix(h), 0.2))

    def forward(self, x):
        center, log_scale = self.encode(x)
        z = self.sample_code(center, log_scale)
        return {"logits": self.decode(z), "center": center, "log_scale": log_scale, "z": z}


def negative_bound(x, logits, center, log_scale, z):
    seen = -F.binary_cross_entropy_with_logits(logits, x.flatten(1), reduction="none").sum(-1)
    standard = torch.zeros_like(z)
    return (log_density(z, center, log_scale) - log_density(z, standard, standard) - seen).mean()
