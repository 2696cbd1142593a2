"""A tiny autoencoder for points in the plane that adds a little noise to its code and has no KL.

It rebuilds every point; but nothing holds the codes near the prior, and what N(0, I) decodes to lies elsewhere.
"""

import torch
from torch import nn

MISTAKE = "autoencoder-plus-noise"
KILLERS = ("REP-01", "KL-01", "TOY-03")


class TinyVAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.latent_dim = 2
        self.encoder = nn.Sequential(nn.Linear(2, 16), nn.ReLU())
        self.mu = nn.Linear(16, 2)
        self.decoder = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 2))

    def encode(self, x):
        code = self.mu(self.encoder(x))
        return code, torch.zeros_like(code)

    def reparameterize(self, mu, logvar):
        return mu + 0.1 * torch.randn_like(mu)

    def decode(self, z):
        return self.decoder(z)

    def forward(self, x):
        mu, logvar = self.encode(x)
        return self.decode(self.reparameterize(mu, logvar)), mu, logvar

    def loss(self, x_hat, x, mu, logvar, beta=1.0):
        recon = ((x_hat - x) ** 2).mean()
        kl = torch.zeros_like(recon)
        return recon + beta * kl, recon, kl
