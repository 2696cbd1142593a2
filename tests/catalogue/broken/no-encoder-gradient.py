"""The code is drawn by Normal.sample(), which cuts the gradient; rsample() does not.

The encoder learns from the KL alone, so the KL slides to zero and every reconstruction becomes the same.
"""

import torch
from _sound import VAE as SoundVAE
from torch.distributions import Normal

MISTAKE = "no-encoder-gradient"
KILLERS = ("REP-04", "REP-05", "COL-01")


class VAE(SoundVAE):
    def reparameterize(self, mu, logvar):
        std = torch.exp(0.5 * logvar)
        return Normal(mu, std).sample()
