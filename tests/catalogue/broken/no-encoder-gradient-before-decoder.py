"""The code is detached on its way from the sampling step to the decoder.

The sampling step itself is right. The reconstruction trains the decoder alone, and the KL, alone with the encoder, makes it collapse.
"""

import torch
from torch import nn
from torch.nn import functional as F

MISTAKE = "no-encoder-gradient"
KILLERS = ("OBJ-04",)


class VAE(nn.Module):
    def __init__(self, hidden=128, latent=12):
        super().__init__()
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(784, hidden), nn.ReLU())
        self.to_mu = nn.Linear(hidden, latent)
        self.to_logvar = nn.Linear(hidden, latent)
        self.decoder = nn.Sequential(nn.Linear(latent, hidden), nn.ReLU(), nn.Linear(hidden, 784), nn.Unflatten(1, (1, 28, 28)))

    def encode(self, x):
        h = self.encoder(x)
        return self.to_mu(h), self.to_logvar(h)

    def reparameterize(self, mu, logvar):
        return mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)

    def decode(self, z):
        return self.decoder(z)

    def forward(self, x):
        mu, logvar = self.encode(x)
        z = self.reparameterize(mu, logvar)
        return self.decode(z.detach()), mu, logvar

    def loss(self, logits, x, mu, logvar):
        reconstruction = F.binary_cross_entropy_with_logits(logits, x, reduction="sum") / len(x)
        kl = -0.5 * (1 + logvar - mu.pow(2) - logvar.exp()).sum(1).mean()
        return reconstruction + kl
