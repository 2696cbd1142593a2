"""decode clips the latents that it is given where they stand."""

from _sound import VAE as SoundVAE

MISTAKE = "input-changed"
KILLERS = ("NET-10",)


class VAE(SoundVAE):
    def decode(self, z):
        return super().decode(z.mul_(0.5))
