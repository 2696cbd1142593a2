"""A tiny VAE for points in the plane that rounds its code to halves before it decodes it.

What is decoded along a line jumps from point to point.
"""

import torch
from torch import nn

MISTAKE = "rounded-code"
KILLERS = ("TOY-05",)


class TinyVAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.latent_dim = 2
        self.encoder = nn.Sequential(nn.Linear(2, 16), nn.ReLU())
        self.mu = nn.Linear(16, 2)
        self.logvar = nn.Linear(16, 2)
        self.decoder = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 2))

    def encode(self, x):
        h = self.encoder(x)
        return self.mu(h), self.logvar(h)

    def reparameterize(self, mu, logvar):
        return mu + torch.randn_like(mu) * torch.exp(0.5 * logvar)

    def decode(self, z):
        return self.decoder(z + ((2 * z).round() / 2 - z).detach())

    def forward(self, x):
        mu, logvar = self.encode(x)
        return self.decode(self.reparameterize(mu, logvar)), mu, logvar

    def loss(self, x_hat, x, mu, logvar, beta=1.0):
        recon = ((x_hat - x) ** 2).mean()
        kl = -0.5 * torch.mean(1 + logvar - mu**2 - logvar.exp())
        return recon + beta * kl, recon, kl
