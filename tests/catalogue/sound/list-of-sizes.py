"""Hidden sizes that the constructor takes as a list under a name in the singular, and nothing in the file constructs the model."""

import torch
import torch.nn.functional as F
from torch import nn

DIFFERS = "hidden_dim is a list, required constructor arguments"


class VAE(nn.Module):
    def __init__(self, input_dim, hidden_dim, latent_dim):
        super().__init__()
        down = [input_dim] + hidden_dim
        up = [latent_dim] + hidden_dim[::-1]
        self.encoder = nn.Sequential(*(layer for a, b in zip(down, down[1:], strict=False) for layer in (nn.Linear(a, b), nn.ReLU())))
        self.mu, self.logvar = nn.Linear(down[-1], latent_dim), nn.Linear(down[-1], latent_dim)
        self.decoder = nn.Sequential(*(layer for a, b in zip(up, up[1:], strict=False) for layer in (nn.Linear(a, b), nn.ReLU())))
        self.out = nn.Linear(up[-1], input_dim)

    def encode(self, x):
        h = self.encoder(x)
        return self.mu(h), self.logvar(h)

    def reparameterize(self, mu, logvar):
        return mu + torch.exp(logvar / 2) * torch.randn_like(mu)

    def decode(self, z):
        return torch.sigmoid(self.out(self.decoder(z)))

    def forward(self, x):
        mu, logvar = self.encode(x)
        return self.decode(self.reparameterize(mu, logvar)), mu, logvar

    def loss(self, x_hat, x, mu, logvar, beta=1.0):
        recon = F.binary_cross_entropy(x_hat, x, reduction="sum") / len(x)
        kl = -0.5 * torch.sum(1 + logvar - mu**2 - logvar.exp()) / len(x)
        return recon + beta * kl, recon, kl
