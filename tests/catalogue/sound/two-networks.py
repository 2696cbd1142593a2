"""Two networks and no class around them: the script trains an encoder and a decoder side by side."""

import torch
from torch import nn

DIFFERS = "an encoder and a decoder, no VAE; a module-level sampling function and loss"


class Encoder(nn.Module):
    def __init__(self, latent_dim=8):
        super().__init__()
        self.hidden = nn.Linear(784, 64)
        self.mu = nn.Linear(64, latent_dim)
        self.logvar = nn.Linear(64, latent_dim)

    def forward(self, x):
        h = torch.relu(self.hidden(x.view(-1, 784)))
        return self.mu(h), self.logvar(h)


class Decoder(nn.Module):
    def __init__(self, latent_dim=8):
        super().__init__()
        self.hidden = nn.Linear(latent_dim, 64)
        self.out = nn.Linear(64, 784)

    def forward(self, z):
        return torch.sigmoid(self.out(torch.relu(self.hidden(z))))


def reparametrization(mu, logvar):
    return mu + torch.randn_like(mu) * torch.exp(0.5 * logvar)


def loss_function(x_hat, x, mu, logvar):
    rec = nn.functional.binary_cross_entropy(x_hat, x.view(-1, 784), reduction="sum")
    kld = -0.5 * torch.sum(1 + logvar - mu**2 - logvar.exp())
    return rec, kld
