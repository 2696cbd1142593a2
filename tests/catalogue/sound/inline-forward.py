"""Everything stands in forward but the sampling step, and the loss stands in the training loop, term by term."""

import torch
from torch import nn
from torch.nn import functional as F

DIFFERS = "no encode and no decode; the loss inline in the training loop"


class VAE(nn.Module):
    def __init__(self, n_latent=8):
        super().__init__()
        self.trunk = nn.Linear(784, 64)
        self.mean_head = nn.Linear(64, n_latent)
        self.spread_head = nn.Linear(64, n_latent)
        self.up = nn.Linear(n_latent, 64)
        self.out = nn.Linear(64, 784)

    def reparameterize(self, mu, logvar):
        return mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)

    def forward(self, x):
        h = torch.relu(self.trunk(x))
        mu, logvar = self.mean_head(h), self.spread_head(h)
        z = self.reparameterize(mu, logvar)
        return torch.sigmoid(self.out(torch.relu(self.up(z)))), mu, logvar


def fit(vae, loader, optimizer, epochs):
    for epoch in range(epochs):
        seen = 0.0
        for batch, _ in loader:
            images = batch.view(-1, 784)
            recon, mu, logvar = vae(images)
            bce = F.binary_cross_entropy(recon, images, reduction="sum")
            kld = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
            loss = bce + kld
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            seen += loss.item()
        print(epoch, seen)
