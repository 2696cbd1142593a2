"""The image is put together from blocks, and the last row of blocks is never filled in."""

import torch
from _sound import VAE as SoundVAE

MISTAKE = "decoder-writes-part"
KILLERS = ("NET-09",)


class VAE(SoundVAE):
    def decode(self, z):
        given = super().decode(z)
        image = torch.zeros_like(given)
        for top in range(0, given.size(-2) - 7, 7):
            image[..., top : top + 7, :] = given[..., top : top + 7, :]
        return image
