"""Noise is smoothed along the dimensions, so that neighbours move together."""

import torch
from _sound import VAE as SoundVAE

MISTAKE = "eps-shared"
KILLERS = ("REP-02",)


class VAE(SoundVAE):
    def reparameterize(self, mu, logvar):
        raw = torch.randn_like(mu)
        eps = 0.8 * raw + 0.6 * raw.roll(1, dims=1)
        return mu + (0.5 * logvar).exp() * eps
