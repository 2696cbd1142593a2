"""The head scales the noise as it is, as though it were a standard deviation; the KL reads it as a log-variance.

Posterior noise vanishes where logvar is 0, that is where the KL wants it: reconstructions are good, prior samples poor.
"""

import torch
from _sound import VAE as SoundVAE

MISTAKE = "logvar-as-std"
KILLERS = ("KL-02",)


class VAE(SoundVAE):
    def reparameterize(self, mu, logvar):
        eps = torch.randn_like(logvar)
        return mu + logvar * eps
