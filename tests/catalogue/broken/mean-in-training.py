"""The forward pass decodes the mean: the sampling step is there, and nobody calls it.

An autoencoder with a penalty on its codes; the variance head learns from the KL alone.
"""

from _sound import VAE as SoundVAE

MISTAKE = "mean-in-training"
KILLERS = ("NET-03",)


class VAE(SoundVAE):
    def forward(self, x):
        mu, logvar = self.encode(x)
        return self.decode(mu), mu, logvar
