"""interpolate(a, b) fades one image into the other, without a latent."""

import torch
from _sound import VAE as SoundVAE

MISTAKE = "own-method"
KILLERS = ("INT-04",)


class VAE(SoundVAE):
    def interpolate(self, a, b, steps=9):
        weights = torch.linspace(0, 1, steps).view(-1, 1, 1, 1)
        return (1 - weights) * a + weights * b
