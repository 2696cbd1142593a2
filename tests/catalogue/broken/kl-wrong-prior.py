"""The KL is taken against N(0, 0.5^2), while new images are decoded from N(0, 1).

Prior samples fall outside of what the decoder has seen.
"""

import torch
from _sound import VAE as SoundVAE
from torch.distributions import Normal, kl_divergence
from torch.nn import functional as F

MISTAKE = "kl-wrong-prior"
KILLERS = ("KL-01", "KL-02", "KL-03")


class VAE(SoundVAE):
    def loss(self, x_hat, x, mu, logvar, beta=1.0):
        reconstruction = F.binary_cross_entropy(x_hat, x, reduction="sum") / x.size(0)
        prior_std = torch.full_like(mu, 0.5)
        posterior = Normal(mu, torch.exp(0.5 * logvar))
        kl = kl_divergence(posterior, Normal(torch.zeros_like(mu), prior_std)).sum() / x.size(0)
        return reconstruction + beta * kl, reconstruction, kl
