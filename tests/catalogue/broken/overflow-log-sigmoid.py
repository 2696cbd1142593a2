"""The decoder gives logits, and the loss takes the logarithm of their sigmoid in two steps.

A logit of 100 gives log(0), and the loss is infinite.
"""

import torch
from _sound import VAE as SoundVAE
from torch import nn

MISTAKE = "overflow"
KILLERS = ("OBJ-05",)


class VAE(SoundVAE):
    def __init__(self):
        super().__init__()
        self.decoder = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 784))

    def loss(self, x_hat, x, mu, logvar, beta=1.0):
        p = torch.sigmoid(x_hat)
        reconstruction = -(x * torch.log(p) + (1 - x) * torch.log(1 - p)).sum() / x.size(0)
        kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp()) / x.size(0)
        return reconstruction + beta * kl, reconstruction, kl
