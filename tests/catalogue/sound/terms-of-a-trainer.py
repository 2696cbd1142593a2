"""The two terms are methods of a class that builds and trains its own network."""

import torch
from torch import nn
from torch.nn import functional as F

DIFFERS = "the terms are methods of the trainer, and its loop adds them"


class Network(nn.Module):
    def __init__(self, pixels=784, latents=8):
        super().__init__()
        self.down = nn.Sequential(nn.Linear(pixels, 64), nn.Tanh(), nn.Linear(64, 2 * latents))
        self.up = nn.Sequential(nn.Linear(latents, 64), nn.Tanh(), nn.Linear(64, pixels))

    def forward(self, x):
        mean, log_var = self.down(x).chunk(2, dim=-1)
        noise = torch.randn_like(mean)
        return self.up(mean + noise * torch.exp(0.5 * log_var)), mean, log_var


class Experiment:
    def __init__(self, rate=1e-3):
        self.network = Network()
        self.adam = torch.optim.Adam(self.network.parameters(), lr=rate)

    def likelihood_term(self, scores, images):
        return F.binary_cross_entropy_with_logits(scores, images, reduction="none").sum(-1)

    def divergence_term(self, mean, log_var):
        return 0.5 * (mean.square() + log_var.exp() - 1 - log_var).sum(-1)

    def run(self, loader, rounds=10):
        for _ in range(rounds):
            for images, _ in loader:
                scores, mean, log_var = self.network(images.flatten(1))
                cost = (self.likelihood_term(scores, images.flatten(1)) + self.divergence_term(mean, log_var)).mean()
                self.adam.zero_grad()
                cost.backward()
                self.adam.step()
