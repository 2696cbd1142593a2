"""generate(count) returns the negative of what decode gives, as plotted on white paper."""

import torch
from _sound import VAE as SoundVAE

MISTAKE = "own-method"
KILLERS = ("SMP-06",)


class VAE(SoundVAE):
    @torch.no_grad()
    def generate(self, count):
        return 1 - super().generate(count)
