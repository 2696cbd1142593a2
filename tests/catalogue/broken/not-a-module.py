"""The class does not derive from nn.Module.

There is no parameters() to give to an optimiser; every method works, and nothing can be trained.
"""

import torch
from torch import nn
from torch.nn import functional as F

MISTAKE = "not-a-module"
KILLERS = ("OBJ-04",)


class VAE:
    def __init__(self):
        self.latent_dim = 8
        self.input_shape = (1, 28, 28)
        self.hidden = nn.Linear(784, 64)
        self.mu_head = nn.Linear(64, 8)
        self.logvar_head = nn.Linear(64, 8)
        self.decoder = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 784), nn.Sigmoid())

    def encode(self, x):
        h = F.relu(self.hidden(x.flatten(1)))
        return self.mu_head(h), self.logvar_head(h)

    def reparameterize(self, mu, logvar):
        std = torch.exp(0.5 * logvar)
        return mu + std * torch.randn_like(std)

    def decode(self, z):
        return self.decoder(z).view(-1, 1, 28, 28)

    def forward(self, x):
        mu, logvar = self.encode(x)
        return self.decode(self.reparameterize(mu, logvar)), mu, logvar

    def __call__(self, x):
        return self.forward(x)

    def loss(self, x_hat, x, mu, logvar, beta=1.0):
        reconstruction = F.binary_cross_entropy(x_hat, x, reduction="sum") / x.size(0)
        kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp()) / x.size(0)
        return reconstruction + beta * kl, reconstruction, kl
