"""The standard deviation is exp(logvar), without the one half; the KL reads the same number as a log-variance.

It still trains: the noise is merely other than the KL believes.
"""

import torch
from _sound import VAE as SoundVAE

MISTAKE = "std-no-half"
KILLERS = ("KL-02",)


class VAE(SoundVAE):
    def reparameterize(self, mu, logvar):
        std = torch.exp(logvar)
        eps = torch.randn_like(std)
        return mu + std * eps
