"""One noise vector serves the whole batch.

All items of a batch move in the same direction; a grid of samples for one image shows no diversity.
"""

import torch
from _sound import VAE as SoundVAE

MISTAKE = "eps-shared"
KILLERS = ("REP-03",)


class VAE(SoundVAE):
    def reparameterize(self, mu, logvar):
        std = torch.exp(0.5 * logvar)
        eps = torch.randn(1, self.latent_dim, dtype=std.dtype, device=std.device)
        return mu + std * eps
