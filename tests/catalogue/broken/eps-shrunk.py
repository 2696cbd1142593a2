"""The noise is scaled by 0.01 to make reconstructions sharper.

The loss is better than anybody else's, and is no bound on the likelihood any more; prior samples are bad.
"""

import torch
from _sound import VAE as SoundVAE

MISTAKE = "eps-shrunk"
KILLERS = ("REP-02", "KL-02")


class VAE(SoundVAE):
    def reparameterize(self, mu, logvar):
        std = torch.exp(0.5 * logvar)
        eps = 0.01 * torch.randn_like(std)
        return mu + std * eps
