"""The decoder gets the encoder's hidden layer beside the code: a shortcut past z.

Reconstructions are nearly perfect while the KL is nearly zero; without the shortcut, samples are noise.
"""

import torch
from _sound import VAE as SoundVAE

MISTAKE = "decoder-sees-x"
KILLERS = ("NET-04", "INT-03")


class VAE(SoundVAE):
    def decode(self, z, skip=None):
        h = torch.relu(self.decoder[0](z))
        if skip is not None:
            h = h + skip
        return torch.sigmoid(self.decoder[2](h)).view(z.size(0), *self.input_shape)

    def forward(self, x):
        skip = self.encoder(x)
        mu, logvar = self.mu_head(skip), self.logvar_head(skip)
        z = self.reparameterize(mu, logvar)
        return self.decode(z, skip), mu, logvar
