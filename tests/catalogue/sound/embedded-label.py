"""A conditional VAE of images whose label is an index that is embedded, trained by a loop of its own."""

import torch
from torch import nn
from torch.nn import functional as F

DIFFERS = "an index as the label, everything inline, and a loop that hands the labels on"


class LabelledVAE(nn.Module):
    def __init__(self, n_latent=6):
        super().__init__()
        self.embed = nn.Embedding(10, 8)
        self.conv = nn.Sequential(nn.Conv2d(1, 8, 4, 4), nn.ReLU(), nn.Flatten())
        self.heads = nn.Linear(8 * 49 + 8, 2 * n_latent)
        self.grow = nn.Linear(n_latent + 8, 8 * 49)
        self.deconv = nn.Sequential(nn.ReLU(), nn.Unflatten(1, (8, 7, 7)), nn.ConvTranspose2d(8, 1, 4, 4))

    def forward(self, image, labels):
        e = self.embed(labels)
        mu, logvar = self.heads(torch.cat([self.conv(image), e], 1)).chunk(2, 1)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        return self.deconv(self.grow(torch.cat([z, e], 1))), mu, logvar


def fit(model, train_loader, optimizer, epochs=5):
    for _ in range(epochs):
        for image, labels in train_loader:
            logits, mu, logvar = model(image, labels)
            nll = F.binary_cross_entropy_with_logits(logits, image, reduction="none").flatten(1).sum(1)
            kl = 0.5 * (mu.square() + logvar.exp() - 1 - logvar).sum(1)
            loss = (nll + kl).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
