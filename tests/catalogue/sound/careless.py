"""Sound at heart, careless around it: warnings, prints, a counter, a seed within forward's reach and a method named z."""

import warnings

import torch
from torch import nn
from torch.nn import functional as F

DIFFERS = "the sampling step is a method z; prints, warnings, state between calls; a training loop at the end of the file"

HISTORY = []


class VAE(nn.Module):
    def __init__(self, input_dim=784, latent_dim=8, hidden_dim=64):
        super().__init__()
        warnings.warn("this model is a draft")
        self.calls = 0
        self.fc1 = nn.Linear(input_dim, hidden_dim)
        self.mean = nn.Linear(hidden_dim, latent_dim)
        self.logvar = nn.Linear(hidden_dim, latent_dim)
        self.fc2 = nn.Linear(latent_dim, hidden_dim)
        self.fc3 = nn.Linear(hidden_dim, input_dim)

    def encoding(self, x):
        h = F.leaky_relu(self.fc1(x))
        return self.mean(h), self.logvar(h)

    def z(self, mean, logvar):
        return mean + (logvar * 0.5).exp() * torch.randn_like(logvar)

    def decoding(self, z):
        return torch.sigmoid(self.fc3(F.leaky_relu(self.fc2(z))))

    def forward(self, x):
        self.calls += 1
        if self.calls % 1000 == 0:
            print("call", self.calls)
        x = x.view(-1, 784)
        mean, logvar = self.encoding(x)
        return self.decoding(self.z(mean, logvar)), mean, logvar


def kl_loss(mean, logvar):
    return -0.5 * torch.sum(1 + logvar - mean.pow(2) - logvar.exp(), dim=1)


def bce_loss(recon, x):
    return F.binary_cross_entropy(recon, x, reduction="none").sum(dim=1)


def total_loss(recon, x, mean, logvar):
    loss = (bce_loss(recon, x.view(-1, 784)) + kl_loss(mean, logvar)).mean()
    HISTORY.append(loss.item())
    return loss
