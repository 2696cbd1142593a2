"""The usual layout: an encoder and a decoder of their own, a loss class, a wrapper that trains, and the VAE."""
import torch
from torch import nn


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(4, 4)

    def forward(self, x):
        mu, logvar = self.head(x).chunk(2, dim=1)
        return mu, logvar, mu + (logvar / 2).exp() * torch.randn_like(mu)


class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 4)

    def forward(self, z):
        return self.layer(z)


class ElboLoss(nn.Module):
    def forward(self, x_hat, x, mu, logvar):
        return ((x_hat - x) ** 2).sum() - 0.5 * (1 + logvar - mu**2 - logvar.exp()).sum()


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = Encoder()
        self.decoder = Decoder()

    def forward(self, x):
        mu, logvar, z = self.encoder(x)
        return self.decoder(z), mu, logvar


class Experiment:
    def __init__(self):
        self.model = Net()

    def sample(self, n):
        return self.model.decoder(torch.randn(n, 2))
