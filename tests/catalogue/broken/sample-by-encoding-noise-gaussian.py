"""New images are made from images of Gaussian noise: encoded, drawn from their posterior, decoded, in batches of a hundred.

Nothing but that method is wrong, and an encoder that was never trained gives codes that look like draws from N(0, I).
"""

import torch
from _sound import VAE as SoundVAE

MISTAKE = "sample-by-encoding-noise"
KILLERS = ("SMP-05",)


class VAE(SoundVAE):
    @torch.no_grad()
    def generate(self, n_samples=16, device="cpu"):
        images = []
        while n_samples > 0:
            noise = torch.randn(min(n_samples, 100), *self.input_shape, device=device)
            mu, logvar = self.encode(noise)
            images.append(self.decode(self.reparameterize(mu, logvar)))
            n_samples -= 100
        return torch.cat(images)
