"""A warm-up froze the decoder's first layer, and never thawed it."""

from _sound import VAE as SoundVAE

MISTAKE = "frozen-layer"
KILLERS = ("OBJ-04",)


class VAE(SoundVAE):
    def __init__(self, input_shape=(1, 28, 28), hidden_dim=64, latent_dim=8):
        super().__init__(input_shape, hidden_dim, latent_dim)
        self.decoder[0].requires_grad_(False)
