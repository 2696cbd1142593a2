"""New images are made by pushing a random image through the encoder and the decoder, where z ~ N(0, I) belongs.

The samples look like reconstructions of noise, and all much alike; the model itself is sound.
"""

import torch
from _sound import VAE as SoundVAE

MISTAKE = "sample-by-encoding-noise"
KILLERS = ("SMP-05",)


class VAE(SoundVAE):
    @torch.no_grad()
    def generate(self, count):
        x_hat, _, _ = self(torch.rand(count, *self.input_shape))
        return x_hat
