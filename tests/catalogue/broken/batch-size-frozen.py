"""The noise has a fixed batch size of 64.

The last batch of the epoch, which is smaller, crashes; one image alone comes back as 64.
"""

import torch
from _sound import VAE as SoundVAE

MISTAKE = "batch-size-frozen"
KILLERS = ("REP-06",)


class VAE(SoundVAE):
    def reparameterize(self, mu, logvar):
        std = torch.exp(0.5 * logvar)
        eps = torch.randn(64, self.latent_dim).to(std)
        return mu + std * eps
