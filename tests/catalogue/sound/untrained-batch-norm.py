"""BatchNorm before ReLU at its initial running statistics holds outputs still that move in training; there is no loss."""

import torch
from torch import nn
from torch.nn import functional as F

DIFFERS = "a decoder that is asked as it is trained; no loss"


class VAE(nn.Module):
    def __init__(self, n_latent=8):
        super().__init__()
        self.heads, self.first = nn.Linear(32 * 32, 2 * n_latent), nn.Linear(n_latent, 32 * 16)
        blocks = [(32, 16), (16, 8), (8, 4)]
        self.blocks = nn.Sequential(
            *(nn.Sequential(nn.ConvTranspose2d(a, b, 4, 2, 1), nn.BatchNorm2d(b), nn.ReLU()) for a, b in blocks),
            nn.Conv2d(4, 1, 3, padding=1),
            nn.BatchNorm2d(1),
            nn.Sigmoid(),
        )

    def encode(self, x):
        return self.heads(x.flatten(1)).chunk(2, dim=1)

    def decode(self, z):
        return self.blocks(F.relu(self.first(z)).view(-1, 32, 4, 4))

    def forward(self, x):
        mu, logvar = self.encode(x)
        return self.decode(mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)), mu, logvar
