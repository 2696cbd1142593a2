"""The decoder views its output with a fixed batch size of 64.

Training works with drop_last=True, and decoding ten prior samples does not.
"""

from _sound import VAE as SoundVAE

MISTAKE = "batch-size-frozen"
KILLERS = ("NET-02",)


class VAE(SoundVAE):
    def decode(self, z):
        return self.decoder(z).view(64, 1, 28, 28)
