"""The code is detached before it reaches the decoder.

The decoder learns the mean image, and the KL falls to zero.
"""

import torch
from _sound import VAE as SoundVAE

MISTAKE = "no-encoder-gradient"
KILLERS = ("REP-04", "TRN-02", "COL-01")


class VAE(SoundVAE):
    def reparameterize(self, mu, logvar):
        std = torch.exp(0.5 * logvar)
        z = mu + std * torch.randn_like(std)
        return z.detach()
