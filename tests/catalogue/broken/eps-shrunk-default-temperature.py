"""generate(count) draws at a temperature of 0.4 where none is named."""

import torch
from _sound import VAE as SoundVAE

MISTAKE = "eps-shrunk"
KILLERS = ("SMP-05",)


class VAE(SoundVAE):
    @torch.no_grad()
    def generate(self, count, temperature=0.4):
        return self.decode(temperature * torch.randn(count, self.latent_dim))
