"""The encoder draws, and the model keeps log q(z | x) - log p(z) at that draw for the loop to add."""

import torch
from torch import nn
from torch.distributions import Independent, Normal

DIFFERS = "a Monte Carlo KL at the encoder's own draw, kept as an attribute"


class Drawing(nn.Module):
    def __init__(self, width=784, size=6):
        super().__init__()
        self.hidden = nn.Linear(width, 64)
        self.loc, self.log_scale = nn.Linear(64, size), nn.Linear(64, size)

    def forward(self, x):
        h = torch.relu(self.hidden(x))
        loc, log_scale = self.loc(h), self.log_scale(h)
        return loc + torch.randn_like(loc) * log_scale.exp(), loc, log_scale


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.drawing = Drawing()
        self.picture = nn.Sequential(nn.Linear(6, 64), nn.ReLU(), nn.Linear(64, 784), nn.Sigmoid())

    def forward(self, x):
        code, loc, log_scale = self.drawing(x)
        posterior = Independent(Normal(loc, log_scale.exp()), 1)
        prior = Independent(Normal(torch.zeros_like(loc), torch.ones_like(loc)), 1)
        self.divergence = posterior.log_prob(code) - prior.log_prob(code)
        return self.picture(code)


def learn(model, data, optimiser):
    for x, _label in data:
        rebuilt = model(x)
        error = nn.functional.binary_cross_entropy(rebuilt, x, reduction="none").sum(1)
        objective = torch.mean(error + model.divergence)
        optimiser.zero_grad()
        objective.backward()
        optimiser.step()
