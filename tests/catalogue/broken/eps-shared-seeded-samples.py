"""generate(count) seeds PyTorch inside, so that each call gives the same images."""

import torch
from _sound import VAE as SoundVAE

MISTAKE = "eps-shared"
KILLERS = ("SMP-05",)


class VAE(SoundVAE):
    @torch.no_grad()
    def generate(self, count):
        torch.manual_seed(0)
        return super().generate(count)
