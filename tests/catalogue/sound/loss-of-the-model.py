"""A script whose objective is a function of the model and the batch, written as a lower bound and turned where it is minimised."""

import torch
from torch import nn
from torch.nn import functional as F

DIFFERS = "encoder inline; elbo(net, images) and loss(net, images) that turns it"


class Net(nn.Module):
    def __init__(self, d_h=128, d_z=8):
        super().__init__()
        self.inp = nn.Linear(784, d_h)
        self.m = nn.Linear(d_h, d_z)
        self.v = nn.Linear(d_h, d_z)
        self.dec = nn.Sequential(nn.Linear(d_z, d_h), nn.ReLU(), nn.Linear(d_h, 784))

    def forward(self, x):
        h = F.relu(self.inp(x.flatten(1)))
        m, v = self.m(h), self.v(h)
        z = m + torch.exp(v / 2) * torch.randn_like(m)
        return self.dec(z).view_as(x), m, v


def elbo(net, images):
    scores, m, v = net(images)
    likelihood = -F.binary_cross_entropy_with_logits(scores, images, reduction="none").flatten(1).sum(1)
    kl = -0.5 * torch.sum(1 + v - m**2 - torch.exp(v), 1)
    return torch.mean(likelihood - kl)


def loss(net, images):
    return -elbo(net, images)
