"""The constructor takes the number of latent dimensions and builds eight whatever it is."""

from _sound import VAE as SoundVAE

MISTAKE = "argument-ignored"
KILLERS = ("NET-11",)


class VAE(SoundVAE):
    def __init__(self, input_shape=(1, 28, 28), hidden_dim=64, latent_dim=8):
        super().__init__(input_shape, hidden_dim)
        assert latent_dim > 0
