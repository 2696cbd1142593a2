"""The noise is moved to the GPU whatever the model stands on.

It works on the author's machine, and crashes on one without a GPU.
"""

import torch
from _sound import VAE as SoundVAE

MISTAKE = "cuda-always"
KILLERS = ("REP-06",)


class VAE(SoundVAE):
    def reparameterize(self, mu, logvar):
        std = torch.exp(0.5 * logvar)
        eps = torch.randn(std.size()).cuda()
        return mu + std * eps
