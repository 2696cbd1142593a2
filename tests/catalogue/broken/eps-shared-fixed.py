"""The sampling step seeds the generator "for reproducibility" each time, so that every call draws the same noise.

Decoding one image twice gives the same image; everything else in the program that is random repeats itself too.
"""

import torch
from _sound import VAE as SoundVAE

MISTAKE = "eps-shared"
KILLERS = ("REP-03",)


class VAE(SoundVAE):
    def reparameterize(self, mu, logvar):
        torch.manual_seed(42)
        std = torch.exp(0.5 * logvar)
        eps = torch.randn_like(std)
        return mu + std * eps
