"""forward keeps the style dimensions of z from being trained by the reconstruction: they are detached before they are decoded."""

import torch
from _sound import VAE as SoundVAE

MISTAKE = "no-encoder-gradient"
KILLERS = ("NET-07",)


class VAE(SoundVAE):
    def forward(self, x):
        mu, logvar = self.encode(x)
        content, style = self.reparameterize(mu, logvar).chunk(2, dim=1)
        return self.decode(torch.cat([content, style.detach()], dim=1)), mu, logvar
