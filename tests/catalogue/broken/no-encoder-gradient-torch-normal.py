"""torch.normal(mu, std) draws the code: autograd knows it, and gives gradients of exactly zero.

Every .grad is there, none is None, and still the encoder does not learn to encode.
"""

import torch
from _sound import VAE as SoundVAE

MISTAKE = "no-encoder-gradient"
KILLERS = ("REP-04", "REP-05")


class VAE(SoundVAE):
    def reparameterize(self, mu, logvar):
        std = torch.exp(0.5 * logvar)
        return torch.normal(mu, std)
