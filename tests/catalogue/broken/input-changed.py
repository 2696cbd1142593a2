"""forward scales the caller's batch in place before it encodes it."""

from _sound import VAE as SoundVAE

MISTAKE = "input-changed"
KILLERS = ("NET-10",)


class VAE(SoundVAE):
    def forward(self, x):
        x *= 0.5
        return super().forward(x)
