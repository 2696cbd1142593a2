"""Distribution objects all the way: encode gives a Normal, decode a Bernoulli, and the loss asks kl_divergence."""

import torch
from torch import nn
from torch.distributions import Bernoulli, Independent, Normal, kl_divergence

DIFFERS = "forward gives (p(x|z), q(z|x), z) as distributions; kl_divergence; a prior of its own"


class ProbVAE(nn.Module):
    def __init__(self, data_dim=784, hidden_dim=64, latent_dim=6):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(data_dim, hidden_dim), nn.Tanh())
        self.loc = nn.Linear(hidden_dim, latent_dim)
        self.log_scale = nn.Linear(hidden_dim, latent_dim)
        self.net = nn.Sequential(nn.Linear(latent_dim, hidden_dim), nn.Tanh(), nn.Linear(hidden_dim, data_dim))

    def encode(self, x):
        h = self.trunk(x.flatten(1))
        return Independent(Normal(self.loc(h), self.log_scale(h).exp()), 1)

    def decode(self, z):
        return Independent(Bernoulli(logits=self.net(z).view(-1, 1, 28, 28), validate_args=False), 3)

    def forward(self, x):
        q = self.encode(x)
        z = q.rsample()
        return self.decode(z), q, z


def loss(x, p, q):
    prior = Independent(Normal(torch.zeros_like(q.mean), torch.ones_like(q.mean)), 1)
    return (kl_divergence(q, prior) - p.log_prob(x)).mean()
