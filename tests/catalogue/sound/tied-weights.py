"""The decoder's layers are the encoder's, transposed; Dropout in between, and spectral norm on the heads."""

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

DIFFERS = "tied weights, Dropout, spectral norm, drawn binary samples"


class VAE(nn.Module):
    def __init__(self, latent_dim=8, width=80):
        super().__init__()
        self.latent_dim = latent_dim
        self.first = nn.Linear(784, width)
        self.drop = nn.Dropout(0.1)
        self.mu = nn.Linear(width, latent_dim)
        self.logvar = spectral_norm(nn.Linear(width, latent_dim))
        self.back = nn.Linear(latent_dim, width)
        self.bias = nn.Parameter(torch.zeros(784))

    def encode(self, x):
        h = self.drop(torch.tanh(self.first(x.view(x.size(0), -1))))
        return self.mu(h), self.logvar(h)

    def reparameterize(self, mu, logvar):
        if not self.training:
            return mu
        return mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)

    def decode(self, z):
        h = torch.tanh(self.back(z))
        return torch.sigmoid(F.linear(h, self.first.weight.t(), self.bias))

    def forward(self, x):
        mu, logvar = self.encode(x)
        return self.decode(self.reparameterize(mu, logvar)), mu, logvar

    @torch.no_grad()
    def generate(self):
        return torch.bernoulli(self.decode(torch.randn(25, self.latent_dim)))


def loss_function(recon, x, mu, logvar):
    bce = F.binary_cross_entropy(recon, x.view(-1, 784), reduction="sum")
    return bce - 0.5 * torch.sum(1 + logvar - mu**2 - logvar.exp())
