"""There is no noise: the code is mu + std.

Training is smooth, as it would be; the standard deviation is a second bias of the code.
"""

import torch
from _sound import VAE as SoundVAE

MISTAKE = "eps-shared"
KILLERS = ("REP-02", "REP-03")


class VAE(SoundVAE):
    def reparameterize(self, mu, logvar):
        std = torch.exp(0.5 * logvar)
        return mu + std
