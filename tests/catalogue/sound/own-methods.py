"""Every method that people add: samples at a temperature that is 1 unless it is named, reconstructions by the mean, lines of latents."""

import torch
from torch import nn
from torch.nn import functional as F

DIFFERS = "sample, reconstruct and interpolate of its own; binary samples on demand"


class VAE(nn.Module):
    def __init__(self, latent_dim=10, width=96):
        super().__init__()
        self.latent_dim = latent_dim
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(784, width), nn.GELU())
        self.mean = nn.Linear(width, latent_dim)
        self.log_variance = nn.Linear(width, latent_dim)
        self.generator = nn.Sequential(nn.Linear(latent_dim, width), nn.GELU(), nn.Linear(width, 784), nn.Sigmoid())

    def encode(self, x):
        h = self.body(x)
        return self.mean(h), self.log_variance(h)

    def reparameterize(self, mean, log_variance):
        return torch.addcmul(mean, torch.randn_like(mean), (log_variance / 2).exp())

    def decode(self, z):
        return self.generator(z).view(-1, 1, 28, 28)

    def forward(self, x):
        mean, log_variance = self.encode(x)
        return self.decode(self.reparameterize(mean, log_variance)), mean, log_variance

    @torch.no_grad()
    def sample(self, n, temperature=1.0, binary=True):
        p = self.decode(temperature * torch.randn(n, self.latent_dim))
        return (p > 0.5).float() if binary else p

    @torch.no_grad()
    def reconstruct(self, x):
        return self.decode(self.encode(x)[0]).clamp(0, 1)

    @torch.no_grad()
    def interpolate(self, a, b, steps=7):
        start, end = self.encode(a)[0], self.encode(b)[0]
        return torch.cat([self.decode(torch.lerp(start, end, t)) for t in torch.linspace(0, 1, steps).tolist()])

    def loss(self, x_hat, x, mean, log_variance, beta=1.0):
        reconstruction = F.binary_cross_entropy(x_hat, x, reduction="sum") / len(x)
        kl = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum() / len(x)
        return reconstruction + beta * kl, reconstruction, kl
