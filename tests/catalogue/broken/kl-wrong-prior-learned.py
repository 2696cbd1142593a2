"""The prior's mean and variance are parameters, trained with the KL, while new images are decoded from N(0, I).

Before training the KL is right to the last digit. Afterwards the loss reports less than the KL to N(0, I), and samples drift off.
"""

import torch
from _sound import VAE as SoundVAE
from torch import nn
from torch.nn import functional as F

MISTAKE = "kl-wrong-prior"
KILLERS = ("TRN-06",)


class VAE(SoundVAE):
    def __init__(self):
        super().__init__()
        self.prior_mu = nn.Parameter(torch.zeros(self.latent_dim))
        self.prior_logvar = nn.Parameter(torch.zeros(self.latent_dim))

    def loss(self, x_hat, x, mu, logvar, beta=1.0):
        reconstruction = F.binary_cross_entropy(x_hat, x, reduction="sum") / x.size(0)
        distance = (mu - self.prior_mu).pow(2) / self.prior_logvar.exp()
        ratio = logvar - self.prior_logvar
        kl = -0.5 * torch.sum(1 + ratio - distance - ratio.exp()) / x.size(0)
        return reconstruction + beta * kl, reconstruction, kl
