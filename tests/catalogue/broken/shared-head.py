"""One linear layer gives the mean and the log-variance, the same numbers for both.

A code far on the positive side has a large spread, one on the negative side a small one; prior samples are bad.
"""

from _sound import VAE as SoundVAE

MISTAKE = "shared-head"
KILLERS = ("NET-06",)


class VAE(SoundVAE):
    def __init__(self):
        super().__init__()
        self.head = self.mu_head
        del self.logvar_head

    def encode(self, x):
        h = self.encoder(x)
        return self.head(h), self.head(h)
