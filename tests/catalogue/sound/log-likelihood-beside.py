"""The loss is a method that runs the parts itself, on logits, and gives beside the total the KL and the log-likelihood it subtracts."""

import torch
from torch import distributions, nn

DIFFERS = "forward gives probabilities alone, the loss is asked of logits; a term beside the total has the other sign"


class LayeredVAE(nn.Module):
    def __init__(self, sizes=(784, 200, 80), latent=6):
        super().__init__()
        self.up = nn.Sequential(nn.Linear(sizes[0], sizes[1]), nn.ReLU(), nn.Linear(sizes[1], sizes[2]), nn.ReLU())
        self.mean, self.log_variance = nn.Linear(sizes[2], latent), nn.Linear(sizes[2], latent)
        self.down = nn.Sequential(nn.Linear(latent, sizes[1]), nn.ReLU(), nn.Linear(sizes[1], sizes[0]))

    def posterior(self, x):
        h = self.up(x.flatten(1))
        return distributions.Normal(self.mean(h), torch.exp(self.log_variance(h) / 2))

    def forward(self, x):
        return torch.sigmoid(self.down(self.posterior(x).rsample()))

    def objective(self, x, beta):
        q = self.posterior(x)
        logits = self.down(q.rsample())
        kl = distributions.kl_divergence(q, distributions.Normal(0, 1)).sum() / len(x)
        log_likelihood = distributions.Bernoulli(logits=logits).log_prob(x.flatten(1)).sum() / len(x)
        return beta * kl - log_likelihood, kl, log_likelihood
