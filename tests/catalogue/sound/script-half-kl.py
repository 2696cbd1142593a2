"""A script that gives the KL half its weight on purpose: the author wants sharper digits and declares it."""

import torch
import torch.nn.functional as F
from torch import nn

DIFFERS = "declared effective beta of 0.5, scalar loss"
OPTIONS = {"effective_beta": 0.5}


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(784, 128)
        self.mu = nn.Linear(128, 10)
        self.log_var = nn.Linear(128, 10)
        self.expand = nn.Linear(10, 128)
        self.pixels = nn.Linear(128, 784)

    def encode(self, x):
        h = torch.tanh(self.hidden(x))
        return self.mu(h), self.log_var(h)

    def sampling(self, mu, log_var):
        std = torch.exp(0.5 * log_var)
        eps = torch.randn_like(std)
        return eps.mul(std).add_(mu)

    def decode(self, z):
        return torch.sigmoid(self.pixels(torch.tanh(self.expand(z))))

    def forward(self, x):
        mu, log_var = self.encode(x.view(-1, 784))
        z = self.sampling(mu, log_var)
        return self.decode(z), mu, log_var


def loss_function(recon_x, x, mu, log_var):
    bce = F.binary_cross_entropy(recon_x, x.view(-1, 784), reduction="sum")
    kld = -0.5 * torch.sum(1 + log_var - mu.pow(2) - log_var.exp())
    return (bce + 0.5 * kld) / x.size(0)
