"""Forward keeps mu and logvar, and decodes mu without any noise.

The KL is minimised and has nothing to do.
"""

import torch
from torch import nn
from torch.nn import functional as F

MISTAKE = "mean-in-training"
KILLERS = ("NET-03",)
SOUND = "stored-mean"


class VAE(nn.Module):
    def __init__(self, nz=8, nh=64):
        super().__init__()
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(28 * 28, nh), nn.ReLU(), nn.Linear(nh, 2 * nz))
        self.decoder = nn.Sequential(nn.Linear(nz, nh), nn.ReLU(), nn.Linear(nh, 28 * 28), nn.Sigmoid())
        self.mu = self.logvar = None

    def forward(self, x):
        self.mu, self.logvar = self.encoder(x).chunk(2, dim=1)
        z = self.mu
        return self.decoder(z).view(x.size())

    def loss(self, x, recon):
        bce = F.binary_cross_entropy(recon, x, reduction="sum")
        kld = -0.5 * torch.sum(1 + self.logvar - self.mu**2 - self.logvar.exp())
        return (bce + kld) / x.size(0)
