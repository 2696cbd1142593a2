"""The switch of the sampling step is inverted: the mean in training, a sample in eval mode.

Validation looks noisier than training, for no visible reason.
"""

import torch
from _sound import VAE as SoundVAE

MISTAKE = "mean-in-training"
KILLERS = ("NET-03",)


class VAE(SoundVAE):
    def reparameterize(self, mu, logvar):
        if self.training:
            return mu
        std = torch.exp(0.5 * logvar)
        return mu + std * torch.randn_like(std)
