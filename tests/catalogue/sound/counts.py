"""Counts under a Poisson likelihood: the encoder takes their logarithms, the decoder gives rates."""

import torch
from torch import nn
from torch.distributions import Poisson

DIFFERS = "a likelihood of counts, which accepts integers alone"


class CountVAE(nn.Module):
    def __init__(self, n_genes=90, n_hidden=40, n_latent=5):
        super().__init__()
        self.inference = nn.Sequential(nn.Linear(n_genes, n_hidden), nn.ReLU(), nn.Linear(n_hidden, 2 * n_latent))
        self.generative = nn.Sequential(nn.Linear(n_latent, n_hidden), nn.ReLU(), nn.Linear(n_hidden, n_genes), nn.Softplus())

    def encode(self, x):
        return self.inference(torch.log1p(x)).chunk(2, dim=1)

    def reparameterize(self, mu, logvar):
        return mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)

    def decode(self, z):
        return self.generative(z)

    def forward(self, x):
        mu, logvar = self.encode(x)
        return self.decode(self.reparameterize(mu, logvar)), mu, logvar

    def loss(self, rate, x, mu, logvar, beta=1.0):
        reconstruction = -Poisson(rate).log_prob(x).sum(1).mean()
        kl = -0.5 * (1 + logvar - mu**2 - logvar.exp()).sum(1).mean()
        return reconstruction + beta * kl, reconstruction, kl
