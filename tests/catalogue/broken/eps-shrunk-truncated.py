"""Noise beyond two standard deviations is pulled in, for pictures that look nicer."""

import torch
from _sound import VAE as SoundVAE

MISTAKE = "eps-shrunk"
KILLERS = ("REP-02",)


class VAE(SoundVAE):
    def reparameterize(self, mu, logvar):
        eps = torch.randn_like(mu).clamp(-2.4, 2.4)
        return mu + (0.5 * logvar).exp() * eps
