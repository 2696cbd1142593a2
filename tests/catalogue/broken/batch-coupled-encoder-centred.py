"""The encoder subtracts the batch's mean image from each image.

Results change with the composition of the batch; one image alone is encoded as a black one.
"""

from _sound import VAE as SoundVAE

MISTAKE = "batch-coupled-encoder"
KILLERS = ("NET-01",)


class VAE(SoundVAE):
    def encode(self, x):
        h = self.encoder(x - x.mean(dim=0, keepdim=True))
        return self.mu_head(h), self.logvar_head(h)
