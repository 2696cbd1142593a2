"""The noise is uniform on [0, 1) (rand_like), where it must be standard normal (randn_like): one letter.

It trains, and nobody notices; z is biased by half a sigma and has a third of its spread.
"""

import torch
from _sound import VAE as SoundVAE

MISTAKE = "eps-from-rand"
KILLERS = ("REP-02", "KL-02")


class VAE(SoundVAE):
    def reparameterize(self, mu, logvar):
        std = torch.exp(0.5 * logvar)
        eps = torch.rand_like(std)
        return mu + std * eps
