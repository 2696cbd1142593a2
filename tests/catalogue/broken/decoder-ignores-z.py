"""The decoder is fed a tensor of zeros in place of the code.

Every output is the same image, for reconstructions and for samples.
"""

import torch
from _sound import VAE as SoundVAE

MISTAKE = "decoder-ignores-z"
KILLERS = ("NET-02", "COL-01", "REC-01", "SMP-01")


class VAE(SoundVAE):
    def decode(self, z):
        code = torch.zeros_like(z)
        return self.decoder(code).view(z.size(0), *self.input_shape)
