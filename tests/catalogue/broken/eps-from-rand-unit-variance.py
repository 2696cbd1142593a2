"""forward draws uniform noise that was given the right variance; the sampling step beside it is right and unused."""

import torch
from _sound import VAE as SoundVAE

MISTAKE = "eps-from-rand"
KILLERS = ("NET-03",)


class VAE(SoundVAE):
    def forward(self, x):
        mu, logvar = self.encode(x)
        eps = (2 * torch.rand_like(mu) - 1) * 3**0.5
        return self.decode(mu + (0.5 * logvar).exp() * eps), mu, logvar
