"""The usual convolutional layout: a layer widens z and forward reshapes it before the transposed convolutions."""

import torch
from torch import nn
from torch.nn import functional as F

DIFFERS = "no decode: a layer in front of the decoder gives as many numbers as an image has"


class ConvVAE(nn.Module):
    def __init__(self, z_size=16):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, 3, stride=2, padding=1)
        self.conv2 = nn.Conv2d(8, 16, 3, stride=2, padding=1)
        self.fc_mu = nn.Linear(784, z_size)
        self.fc_logvar = nn.Linear(784, z_size)
        self.grow = nn.Linear(z_size, 784)
        self.deconv1 = nn.ConvTranspose2d(16, 8, 4, stride=2, padding=1)
        self.deconv2 = nn.ConvTranspose2d(8, 1, 4, stride=2, padding=1)

    def forward(self, x):
        h = F.relu(self.conv2(F.relu(self.conv1(x)))).flatten(1)
        mu, logvar = self.fc_mu(h), self.fc_logvar(h)
        z = mu + (0.5 * logvar).exp() * torch.randn_like(mu)
        grown = F.relu(self.grow(z)).view(-1, 16, 7, 7)
        return torch.sigmoid(self.deconv2(F.relu(self.deconv1(grown)))), mu, logvar


def vae_loss(x_hat, x, mu, logvar, beta=1.0):
    bce = F.binary_cross_entropy(x_hat, x, reduction="sum")
    kld = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
    return (bce + beta * kld) / len(x)
