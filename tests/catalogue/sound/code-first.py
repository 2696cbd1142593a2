"""Returns (z, mu, sigma, recon) from an encoder that gives all three; sigma is a softplus, and the loss takes the whole tuple."""

import torch
from torch import nn
from torch.nn import functional as F

DIFFERS = "(z, mu, std, recon); encode gives (z, mu, std); loss(outputs, x); softplus std"


class VariationalAutoencoder(nn.Module):
    def __init__(self, image_size=28, n_hidden=64, n_latent=10):
        super().__init__()
        self.image_size = image_size
        self.enc = nn.Sequential(nn.Flatten(), nn.Linear(image_size * image_size, n_hidden), nn.ELU())
        self.enc_mu = nn.Linear(n_hidden, n_latent)
        self.enc_sigma = nn.Linear(n_hidden, n_latent)
        self.dec = nn.Sequential(nn.Linear(n_latent, n_hidden), nn.ELU(), nn.Linear(n_hidden, image_size * image_size))

    def sample(self, mu, sigma):
        eps = torch.normal(0, 1, size=mu.shape, device=mu.device)
        return mu + eps * sigma

    def encode(self, x):
        h = self.enc(x)
        mu, sigma = self.enc_mu(h), F.softplus(self.enc_sigma(h))
        return self.sample(mu, sigma), mu, sigma

    def decode(self, z):
        return torch.sigmoid(self.dec(z)).unflatten(1, (1, self.image_size, self.image_size))

    def forward(self, x):
        z, mu, sigma = self.encode(x)
        return z, mu, sigma, self.decode(z)


def elbo_loss(outputs, x):
    _, mu, sigma, x_rec = outputs
    rec = F.binary_cross_entropy(x_rec, x, reduction="none").sum(dim=(1, 2, 3))
    kl = 0.5 * (mu**2 + sigma**2 - 1 - 2 * torch.log(sigma)).sum(dim=1)
    return (rec + kl).mean(), rec.mean(), kl.mean()
