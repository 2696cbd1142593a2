"""The sampling step runs under torch.no_grad, "because sampling cannot be differentiated".

The reconstruction term never reaches the encoder.
"""

import torch
from _sound import VAE as SoundVAE

MISTAKE = "no-encoder-gradient"
KILLERS = ("REP-04", "REP-05")


class VAE(SoundVAE):
    @torch.no_grad()
    def reparameterize(self, mu, logvar):
        std = torch.exp(0.5 * logvar)
        eps = torch.randn_like(std)
        return mu + std * eps
