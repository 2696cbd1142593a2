"""forward squashes z on its way to the decoder; samples from the prior are decoded as they are."""

import torch
from _sound import VAE as SoundVAE

MISTAKE = "latent-changed"
KILLERS = ("NET-03",)


class VAE(SoundVAE):
    def forward(self, x):
        mu, logvar = self.encode(x)
        z = torch.nn.functional.softsign(self.reparameterize(mu, logvar))
        return self.decode(z), mu, logvar
