"""Forward gives the reconstruction and keeps mu and logvar as attributes, where the loss looks for them."""

import torch
from torch import nn
from torch.nn import functional as F

DIFFERS = "forward gives the reconstruction alone and stores self.mu, self.logvar; loss(x, recon) reads them; inline sampling"


class VAE(nn.Module):
    def __init__(self, nz=8, nh=64):
        super().__init__()
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(28 * 28, nh), nn.ReLU(), nn.Linear(nh, 2 * nz))
        self.decoder = nn.Sequential(nn.Linear(nz, nh), nn.ReLU(), nn.Linear(nh, 28 * 28), nn.Sigmoid())
        self.mu = self.logvar = None

    def forward(self, x):
        self.mu, self.logvar = self.encoder(x).chunk(2, dim=1)
        z = self.mu + torch.randn_like(self.mu) * torch.exp(self.logvar * 0.5)
        return self.decoder(z).view(x.size())

    def loss(self, x, recon):
        bce = F.binary_cross_entropy(recon, x, reduction="sum")
        kld = -0.5 * torch.sum(1 + self.logvar - self.mu**2 - self.logvar.exp())
        return (bce + kld) / x.size(0)
