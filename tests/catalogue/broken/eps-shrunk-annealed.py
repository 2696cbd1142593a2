"""The noise has a temperature that falls by half a per cent in each training step, as for a relaxed categorical code.

At the end of the training there is hardly any noise: sigma is not needed, and a draw with its own sigma decodes to nothing.
"""

import torch
from _sound import VAE as SoundVAE

MISTAKE = "eps-shrunk"
KILLERS = ("TRN-06", "REC-01", "REC-05", "COL-01")


class VAE(SoundVAE):
    def __init__(self):
        super().__init__()
        self.register_buffer("temperature", torch.ones(()))

    def reparameterize(self, mu, logvar):
        z = mu + self.temperature * torch.exp(0.5 * logvar) * torch.randn_like(mu)
        if self.training and torch.is_grad_enabled():
            self.temperature = self.temperature * 0.995
        return z
