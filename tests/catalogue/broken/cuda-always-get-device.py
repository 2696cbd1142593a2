"""The noise is made on mu.get_device(), which is -1 for a tensor on the CPU.

The error message speaks of a device index, not of what is wrong.
"""

import torch
from _sound import VAE as SoundVAE

MISTAKE = "cuda-always"
KILLERS = ("REP-06",)


class VAE(SoundVAE):
    def reparameterize(self, mu, logvar):
        std = torch.exp(0.5 * logvar)
        eps = torch.randn(std.shape, device=mu.get_device())
        return mu + std * eps
