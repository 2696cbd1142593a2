"""A continuous Bernoulli likelihood (Loaiza-Ganem and Cunningham 2019), of the distribution that PyTorch has."""

import torch
from torch import nn
from torch.distributions import ContinuousBernoulli, Normal, kl_divergence

DIFFERS = "continuous Bernoulli likelihood"


class VAE(nn.Module):
    def __init__(self, latent_dim=16):
        super().__init__()
        self.latent_dim = latent_dim
        self.input_shape = (1, 28, 28)
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(784, 256), nn.ReLU())
        self.to_mu = nn.Linear(256, latent_dim)
        self.to_logvar = nn.Linear(256, latent_dim)
        self.decoder = nn.Sequential(nn.Linear(latent_dim, 256), nn.ReLU(), nn.Linear(256, 784), nn.Sigmoid())

    def encode(self, x):
        h = self.encoder(x)
        return self.to_mu(h), self.to_logvar(h)

    def reparameterize(self, mu, logvar):
        return Normal(mu, torch.exp(0.5 * logvar)).rsample()

    def decode(self, z):
        return self.decoder(z).view(-1, *self.input_shape)

    def forward(self, x):
        mu, logvar = self.encode(x)
        return self.decode(self.reparameterize(mu, logvar)), mu, logvar

    def loss(self, x_hat, x, mu, logvar, beta=1.0):
        recon = -ContinuousBernoulli(probs=x_hat).log_prob(x).flatten(1).sum(1).mean()
        posterior = Normal(mu, torch.exp(0.5 * logvar))
        kl = kl_divergence(posterior, Normal(torch.zeros_like(mu), torch.ones_like(mu))).sum(1).mean()
        return recon + beta * kl, recon, kl
