"""A batch of images is cut to its first fourteen columns on the way into the encoder."""

from _sound import VAE as SoundVAE
from torch.nn import functional as F

MISTAKE = "encoder-sees-part"
KILLERS = ("NET-08",)


class VAE(SoundVAE):
    def encode(self, x):
        left = x[..., : x.size(-1) // 2]
        h = self.encoder(F.pad(left, (0, x.size(-1) - left.size(-1))))
        return self.mu_head(h), self.logvar_head(h)

