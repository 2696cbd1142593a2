"""The layers stand in a plain dictionary, where nn.Module does not look for them.

parameters() is empty: Adam complains of an empty list, or trains only what was added later.
"""

import torch
from torch import nn
from torch.nn import functional as F

MISTAKE = "not-a-module"
KILLERS = ("OBJ-04",)


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.latent_dim = 8
        self.input_shape = (1, 28, 28)
        self.layers = {
            "hidden": nn.Linear(784, 64),
            "mu": nn.Linear(64, 8),
            "logvar": nn.Linear(64, 8),
            "decode": nn.Linear(8, 64),
            "pixels": nn.Linear(64, 784),
        }

    def encode(self, x):
        h = F.relu(self.layers["hidden"](x.flatten(1)))
        return self.layers["mu"](h), self.layers["logvar"](h)

    def reparameterize(self, mu, logvar):
        std = torch.exp(0.5 * logvar)
        return mu + std * torch.randn_like(std)

    def decode(self, z):
        h = F.relu(self.layers["decode"](z))
        return torch.sigmoid(self.layers["pixels"](h)).view(-1, 1, 28, 28)

    def forward(self, x):
        mu, logvar = self.encode(x)
        return self.decode(self.reparameterize(mu, logvar)), mu, logvar

    def loss(self, x_hat, x, mu, logvar, beta=1.0):
        reconstruction = F.binary_cross_entropy(x_hat, x, reduction="sum") / x.size(0)
        kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp()) / x.size(0)
        return reconstruction + beta * kl, reconstruction, kl
