"""The mean goes through tanh, "to keep it near the prior".

All codes lie in a box of side 2, and the model cannot tell many images apart.
"""

import torch
from _sound import VAE as SoundVAE

MISTAKE = "activation-on-heads"
KILLERS = ("NET-06",)


class VAE(SoundVAE):
    def encode(self, x):
        h = self.encoder(x)
        return torch.tanh(self.mu_head(h)), self.logvar_head(h)
