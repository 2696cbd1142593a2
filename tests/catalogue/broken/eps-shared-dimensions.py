"""One number for each item is broadcast over the latent dimensions.

The noise lies on a line, so directions across it go unregularised.
"""

import torch
from _sound import VAE as SoundVAE

MISTAKE = "eps-shared"
KILLERS = ("REP-03",)


class VAE(SoundVAE):
    def reparameterize(self, mu, logvar):
        std = torch.exp(0.5 * logvar)
        eps = torch.randn(std.size(0), 1, dtype=std.dtype, device=std.device)
        return mu + std * eps
