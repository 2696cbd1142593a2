"""The encoder is fed a tensor of zeros that was meant as a placeholder.

Every image has the same posterior; the KL goes to zero and reconstructions are the mean image.
"""

import torch
from _sound import VAE as SoundVAE

MISTAKE = "encoder-ignores-x"
KILLERS = ("NET-01", "COL-01", "REC-01", "SMP-01")


class VAE(SoundVAE):
    def encode(self, x):
        inputs = torch.zeros_like(x)
        h = self.encoder(inputs)
        return self.mu_head(h), self.logvar_head(h)
