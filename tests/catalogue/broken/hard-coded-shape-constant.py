"""The reconstruction is an average that is multiplied by 784 again, whatever the size of the image.

At 28 by 28 everything is right; at any other size the two terms are weighed wrongly.
"""

import torch
from _sound import VAE as SoundVAE
from torch.nn import functional as F

MISTAKE = "hard-coded-shape"
KILLERS = ("OBJ-02",)


class VAE(SoundVAE):
    def loss(self, x_hat, x, mu, logvar, beta=1.0):
        reconstruction = F.binary_cross_entropy(x_hat, x) * 784
        kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp()) / x.size(0)
        return reconstruction + beta * kl, reconstruction, kl
