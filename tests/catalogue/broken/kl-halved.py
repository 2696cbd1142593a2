"""Half the squared error, which is right, and a quarter of the bracket in the KL, which is half of what it should be."""

import torch
from _sound import VAE as SoundVAE

MISTAKE = "kl-halved"
KILLERS = ("OBJ-02",)


class VAE(SoundVAE):
    def loss(self, x_hat, x, mu, logvar, beta=1.0):
        reconstruction = (x_hat - x).square().flatten(1).sum(1).mean() / 2
        kl = ((mu.square() + logvar.exp() - logvar - 1).sum(1) / 4).mean()
        return reconstruction + beta * kl, reconstruction, kl
