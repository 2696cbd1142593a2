"""The decoder's layers lie in a plain list, where nn.Module does not see them.

Everything runs and the loss falls, by the encoder alone: no optimiser is given the decoder's weights, which stay as they were drawn.
"""

import torch
from torch import nn
from torch.nn import functional as F

MISTAKE = "not-a-module"
KILLERS = ("OBJ-04",)


class VAE(nn.Module):
    def __init__(self, widths=(784, 96, 10)):
        super().__init__()
        pixels, hidden, latent = widths
        self.body = nn.Linear(pixels, hidden)
        self.mean = nn.Linear(hidden, latent)
        self.logvar = nn.Linear(hidden, latent)
        self.steps = [nn.Linear(latent, hidden), nn.Linear(hidden, pixels)]

    def encode(self, x):
        h = torch.tanh(self.body(x.flatten(1)))
        return self.mean(h), self.logvar(h)

    def reparameterize(self, mean, logvar):
        return mean + torch.exp(logvar / 2) * torch.randn_like(mean)

    def decode(self, z):
        first, last = self.steps
        return torch.sigmoid(last(torch.tanh(first(z)))).view(-1, 1, 28, 28)

    def forward(self, x):
        mean, logvar = self.encode(x)
        return self.decode(self.reparameterize(mean, logvar)), mean, logvar


def loss_function(x_hat, x, mean, logvar):
    reconstruction = F.binary_cross_entropy(x_hat, x, reduction="sum")
    kl = 0.5 * (mean.square() + logvar.exp() - 1 - logvar).sum()
    return (reconstruction + kl) / len(x)
