"""A file that needs two packages which are not there: one only in an annotation, the other for a trainer beside the model."""

import sys

import no_such_progress_bar
import no_such_trainer as trainer
import torch
import torch.nn.functional as F
from no_such_settings import Settings
from torch import nn

DIFFERS = "definitions alone, a placeholder in a signature, a class left out"

target = sys.argv[1]


class VAE(nn.Module):
    def __init__(self, z_dim=10, settings: Settings = None):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(784, 128), nn.ReLU())
        self.mu, self.logvar = nn.Linear(128, z_dim), nn.Linear(128, z_dim)
        self.out = nn.Sequential(nn.Linear(z_dim, 128), nn.ReLU(), nn.Linear(128, 784), nn.Sigmoid())

    def encode(self, x):
        h = self.body(x)
        return self.mu(h), self.logvar(h)

    def reparameterize(self, mu, logvar):
        return mu + torch.exp(logvar / 2) * torch.randn_like(mu)

    def decode(self, z):
        return self.out(z)

    def forward(self, x):
        mu, logvar = self.encode(x)
        return self.decode(self.reparameterize(mu, logvar)), mu, logvar


def loss_function(x_hat, x, mu, logvar):
    bce = F.binary_cross_entropy(x_hat, x, reduction="sum")
    return bce - 0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())


class Experiment(trainer.Module):
    def step(self, batch):
        return loss_function(self.model(batch), batch)


for epoch in no_such_progress_bar.bar(range(10)):
    Experiment(VAE()).fit(target)
