"""The noise comes from a NumPy generator that is seeded by the system.

Its distribution is right, and no run can be repeated: a seed set before the training does not reach it.
"""

import numpy as np
import torch
from _sound import VAE as SoundVAE

MISTAKE = "unseeded-noise"
KILLERS = ("REP-05", "TRN-07")


class VAE(SoundVAE):
    def __init__(self):
        super().__init__()
        self.random = np.random.default_rng()

    def reparameterize(self, mu, logvar):
        eps = torch.as_tensor(self.random.standard_normal(mu.shape), dtype=mu.dtype)
        return mu + torch.exp(0.5 * logvar) * eps
