"""Convolutions of stride 2 and no padding: the last two rows and columns of 28 fit into no window."""

import torch
from torch import nn
from torch.nn import functional as F

DIFFERS = "kernels of 4 with stride 2 that leave a border unread; transposed ones that make 28 again"


class VAE(nn.Module):
    def __init__(self, latent_dim=8):
        super().__init__()
        self.down = nn.Sequential(nn.Conv2d(1, 8, 4, 2), nn.ReLU(), nn.Conv2d(8, 16, 4, 2), nn.ReLU(), nn.Flatten())
        self.mu = nn.Linear(16 * 5 * 5, latent_dim)
        self.logvar = nn.Linear(16 * 5 * 5, latent_dim)
        self.widen = nn.Linear(latent_dim, 16 * 5 * 5)
        self.up = nn.Sequential(nn.ConvTranspose2d(16, 8, 4, 2), nn.ReLU(), nn.ConvTranspose2d(8, 1, 6, 2))

    def encode(self, x):
        h = self.down(x)
        return self.mu(h), self.logvar(h)

    def reparameterize(self, mu, logvar):
        return mu + torch.exp(logvar / 2) * torch.randn_like(mu)

    def decode(self, z):
        return torch.sigmoid(self.up(self.widen(z).relu().view(-1, 16, 5, 5)))

    def forward(self, x):
        mu, logvar = self.encode(x)
        return self.decode(self.reparameterize(mu, logvar)), mu, logvar


def loss_function(recon_x, x, mu, logvar):
    bce = F.binary_cross_entropy(recon_x, x, reduction="sum")
    kld = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
    return bce + kld
