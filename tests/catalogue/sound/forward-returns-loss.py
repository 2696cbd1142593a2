"""Calling the model gives the training loss; sampling images is a method of its own."""

import torch
from torch import nn
from torch.nn import functional as F

DIFFERS = "forward(x) gives the loss; logits"


class VAE(nn.Module):
    def __init__(self, dim=784, hid=64, z_dim=8):
        super().__init__()
        self.z_dim = z_dim
        self.q = nn.Sequential(nn.Linear(dim, hid), nn.ReLU(), nn.Linear(hid, 2 * z_dim))
        self.p = nn.Sequential(nn.Linear(z_dim, hid), nn.ReLU(), nn.Linear(hid, dim))

    def encode(self, x):
        mean, logvar = torch.split(self.q(x), self.z_dim, dim=1)
        return mean, logvar

    def decode(self, z):
        return self.p(z)

    def reparameterize(self, mean, logvar):
        return mean + torch.exp(0.5 * logvar) * torch.randn_like(mean)

    def forward(self, x):
        x = x.view(x.size(0), -1)
        mean, logvar = self.encode(x)
        logits = self.decode(self.reparameterize(mean, logvar))
        nll = F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1)
        kld = -0.5 * (1 + logvar - mean.pow(2) - logvar.exp()).sum(-1)
        return (nll + kld).mean()

    @torch.no_grad()
    def sample(self, n):
        return torch.sigmoid(self.decode(torch.randn(n, self.z_dim)))
