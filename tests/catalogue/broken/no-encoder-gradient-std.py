"""Only the standard deviation is detached: the mean learns, the spread follows the KL alone.

Every sigma goes to 1, and small differences between images are drowned in noise.
"""

import torch
from _sound import VAE as SoundVAE

MISTAKE = "no-encoder-gradient"
KILLERS = ("REP-04", "REP-05")


class VAE(SoundVAE):
    def reparameterize(self, mu, logvar):
        std = torch.exp(0.5 * logvar).detach()
        eps = torch.randn_like(std)
        return mu + std * eps
