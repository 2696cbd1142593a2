"""Noise of a fixed scale is added to the code of an autoencoder, and there is no KL.

Reconstructions are good; prior samples are noise, since nothing holds the codes near the prior.
"""

import torch
from _sound import VAE as SoundVAE
from torch.nn import functional as F

MISTAKE = "autoencoder-plus-noise"
KILLERS = ("REP-01", "KL-01", "KL-03", "NET-06", "REC-02", "LAT-02")


class VAE(SoundVAE):
    def __init__(self):
        super().__init__()
        del self.logvar_head

    def encode(self, x):
        code = self.mu_head(self.encoder(x))
        return code, torch.zeros_like(code)

    def reparameterize(self, mu, logvar):
        return mu + 0.1 * torch.randn_like(mu)

    def loss(self, x_hat, x, mu, logvar, beta=1.0):
        reconstruction = F.binary_cross_entropy(x_hat, x, reduction="sum") / x.size(0)
        kl = torch.zeros_like(reconstruction)
        return reconstruction + beta * kl, reconstruction, kl
