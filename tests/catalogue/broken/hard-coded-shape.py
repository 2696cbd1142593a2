"""The decoder returns (batch, 28, 28), the images are (batch, 1, 28, 28): the difference broadcasts to all pairs.

The squared error compares each reconstruction with all images, so all become the mean image. There is no error message.
"""

import torch
from _sound import VAE as SoundVAE

MISTAKE = "hard-coded-shape"
KILLERS = ("OBJ-03",)


class VAE(SoundVAE):
    def decode(self, z):
        return self.decoder(z).view(-1, 28, 28)

    def loss(self, x_hat, x, mu, logvar, beta=1.0):
        reconstruction = 0.5 * ((x_hat - x) ** 2).sum() / x.size(0)
        kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp()) / x.size(0)
        return reconstruction + beta * kl, reconstruction, kl
