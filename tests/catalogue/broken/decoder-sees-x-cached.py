"""The encoder leaves its hidden layer in an attribute, and the decoder adds it to its own: a shortcut out of sight.

decode(z) gives other images depending on what was encoded before it.
"""

import torch
from _sound import VAE as SoundVAE

MISTAKE = "decoder-sees-x"
KILLERS = ("NET-04", "INT-03")


class VAE(SoundVAE):
    def __init__(self):
        super().__init__()
        self.features = None

    def encode(self, x):
        self.features = self.encoder(x)
        return self.mu_head(self.features), self.logvar_head(self.features)

    def decode(self, z):
        h = torch.relu(self.decoder[0](z))
        if self.features is not None and self.features.size(0) == z.size(0):
            h = h + self.features
        return torch.sigmoid(self.decoder[2](h)).view(z.size(0), *self.input_shape)
