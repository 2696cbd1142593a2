"""The sampling step is right in training, and takes logvar for log sigma in evaluation."""

import torch
from _sound import VAE as SoundVAE

MISTAKE = "std-no-half"
KILLERS = ("REP-01",)


class VAE(SoundVAE):
    def reparameterize(self, mu, logvar):
        if not self.training:
            return torch.distributions.Normal(mu, logvar.exp()).sample()
        return super().reparameterize(mu, logvar)
