"""Returns the code at the end; a function of the module draws it, and the loss is a lambda that wants logvar before mu."""

import torch
import torch.nn as nn
import torch.nn.functional as F

DIFFERS = "(recon, mu, logvar, z); lambda loss (recon, x, logvar, mu); module-level sample_gaussian; BatchNorm"


def sample_gaussian(m, lv):
    return m + torch.exp(lv / 2) * torch.randn_like(m)


class Autoencoder(nn.Module):
    def __init__(self, x_dim=784, h_dim=64, z_dim=8):
        super().__init__()
        self.x_dim = x_dim
        self.body = nn.Sequential(nn.Linear(x_dim, h_dim), nn.BatchNorm1d(h_dim), nn.ReLU())
        self.mean = nn.Linear(h_dim, z_dim)
        self.var = nn.Linear(h_dim, z_dim)
        self.dec = nn.Sequential(nn.Linear(z_dim, h_dim), nn.BatchNorm1d(h_dim), nn.ReLU(), nn.Linear(h_dim, x_dim), nn.Sigmoid())

    def forward(self, x):
        h = self.body(x.reshape(-1, self.x_dim))
        m, lv = self.mean(h), self.var(h)
        z = sample_gaussian(m, lv)
        return self.dec(z).reshape(x.shape), m, lv, z


kl = lambda lv, m: -0.5 * (1 + lv - m.pow(2) - lv.exp()).sum()
vae_loss = lambda recon, x, lv, m: F.binary_cross_entropy(recon, x, reduction="sum") + kl(lv, m)
