"""Counts under a negative binomial likelihood with a dispersion of each entry's own."""

import torch
from torch import nn
from torch.distributions import NegativeBinomial

DIFFERS = "a likelihood that the suite does not know"


class CellVAE(nn.Module):
    def __init__(self, genes=80, latent=6):
        super().__init__()
        self.log_dispersion = nn.Parameter(torch.zeros(genes))
        self.encoder = nn.Sequential(nn.Linear(genes, 36), nn.ELU(), nn.Linear(36, 2 * latent))
        self.decoder = nn.Sequential(nn.Linear(latent, 36), nn.ELU(), nn.Linear(36, genes), nn.Softplus())

    def forward(self, counts):
        mu, logvar = self.encoder(counts.log1p()).chunk(2, dim=1)
        z = mu + torch.exp(logvar / 2) * torch.randn_like(mu)
        return self.decoder(z), mu, logvar

    def loss_function(self, mean, counts, mu, logvar):
        logits = torch.log(mean + 1e-8) - self.log_dispersion
        nll = -NegativeBinomial(self.log_dispersion.exp(), logits=logits).log_prob(counts).sum(1)
        return (nll - 0.5 * (1 + logvar - mu**2 - logvar.exp()).sum(1)).mean()
