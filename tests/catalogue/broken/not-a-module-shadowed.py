"""A method has the name of the submodule that it calls, so it calls itself.

RecursionError as soon as anything is decoded.
"""

from _sound import VAE as SoundVAE

MISTAKE = "not-a-module"
KILLERS = ("NET-02",)


class VAE(SoundVAE):
    def decoder(self, z):
        return self.decoder(z)
