"""reconstruct(x) decodes fresh draws from the prior in place of the latents of x."""

import torch
from _sound import VAE as SoundVAE

MISTAKE = "own-method"
KILLERS = ("REC-04",)


class VAE(SoundVAE):
    @torch.no_grad()
    def reconstruct(self, x):
        mu, _ = self.encode(x)
        return self.decode(torch.randn_like(mu))
