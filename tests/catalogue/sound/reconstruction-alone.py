"""Forward gives the reconstruction alone; the training cell calls encode again for mu and logvar. Only 64x64 fits."""

import torch
from torch import nn

DIFFERS = "forward gives the reconstruction alone, encode stands beside it; no loss; 1x64x64"


class ConvVAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Sequential(nn.Conv2d(1, 8, 8, stride=8), nn.ReLU(), nn.Flatten())
        self.mu = nn.Linear(8 * 8 * 8, 8)
        self.logvar = nn.Linear(8 * 8 * 8, 8)
        self.expand = nn.Sequential(nn.Linear(8, 8 * 8 * 8), nn.ReLU(), nn.Unflatten(1, (8, 8, 8)))
        self.deconv = nn.Sequential(nn.ConvTranspose2d(8, 1, 8, stride=8), nn.Sigmoid())

    def encode(self, image):
        features = self.conv(image)
        return self.mu(features), self.logvar(features)

    def reparameterzie(self, mu, logvar):
        return mu + torch.exp(logvar / 2) * torch.randn_like(mu)

    def decode(self, z):
        return self.deconv(self.expand(z))

    def forward(self, image):
        return self.decode(self.reparameterzie(*self.encode(image)))
