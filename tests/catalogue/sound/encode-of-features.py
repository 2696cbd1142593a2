"""encode takes the features of convolutions that forward runs before it, so that no method maps a batch to mu and logvar."""

import torch
from torch import nn
from torch.nn import functional as F

DIFFERS = "encode takes features and not the batch"


class FeatureVAE(nn.Module):
    def __init__(self, code=12):
        super().__init__()
        self.first = nn.Conv2d(1, 8, 4, stride=2, padding=1)
        self.second = nn.Conv2d(8, 16, 4, stride=2, padding=1)
        self.wide = nn.Linear(16 * 7 * 7, 128)
        self.centre = nn.Linear(128, code)
        self.spread = nn.Linear(128, code)
        self.back = nn.Linear(code, 128)
        self.pixels = nn.Linear(128, 28 * 28)

    def encode(self, features):
        h = F.relu(self.wide(features))
        return self.centre(h), self.spread(h)

    def reparameterize(self, mu, logvar):
        return mu + torch.exp(logvar / 2) * torch.randn_like(mu)

    def decode(self, z):
        return torch.sigmoid(self.pixels(F.relu(self.back(z))))

    def forward(self, x):
        features = F.relu(self.second(F.relu(self.first(x)))).view(-1, 16 * 7 * 7)
        mu, logvar = self.encode(features)
        return self.decode(self.reparameterize(mu, logvar)), mu, logvar


def loss_function(x_hat, x, mu, logvar):
    error = F.binary_cross_entropy(x_hat, x.view(-1, 28 * 28), reduction="sum")
    return error - 0.5 * torch.sum(1 + logvar - mu**2 - logvar.exp())
