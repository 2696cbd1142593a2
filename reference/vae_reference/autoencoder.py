"""A plain autoencoder of the VAE's size: one latent point for each item, no noise, no KL, and so no prior to sample from.

Deep Learning Notes 13.4 and VAE Basics 6.6.3 compare a VAE with it.
"""

import math

from jaxtyping import Float
from torch import Tensor, nn

from vae_reference.likelihoods import Item, Raw, likelihood_named


class Autoencoder(nn.Module):
    """784-256-32-256-784 by default: the layers of `VAE` without the logvar head.

    Args:
        input_shape: the shape of one item, without the batch.
        hidden_dim: units of the one hidden layer on each side.
        latent_dim: dimensions of the latent.
        likelihood: "bernoulli" for data in [0, 1], "squared-error", or "gaussian" with a learned variance.

    Raises:
        ValueError: there is no such likelihood.
    """

    def __init__(self, input_shape: tuple[int, ...] = (1, 28, 28), hidden_dim: int = 256, latent_dim: int = 32,
                 likelihood: str = "bernoulli") -> None:
        super().__init__()
        self.input_shape = tuple(input_shape)
        self.latent_dim = latent_dim
        self.likelihood = likelihood_named(likelihood)
        pixels, outputs = math.prod(self.input_shape), self.likelihood.outputs
        self.encoder = nn.Sequential(
            nn.Flatten(), nn.Linear(pixels, hidden_dim), nn.ReLU(), nn.Linear(hidden_dim, latent_dim)
        )
        self.decoder = nn.Sequential(
            nn.Linear(latent_dim, hidden_dim),
            nn.ReLU(),
            nn.Linear(hidden_dim, outputs * pixels),
            nn.Unflatten(1, (outputs, *self.input_shape)),
        )

    def encode(self, x: Item) -> Float[Tensor, "batch latent"]:
        """Return the latent of each item, of shape (batch, latent_dim)."""
        code: Tensor = self.encoder(x)
        return code

    def decode(self, code: Float[Tensor, "batch latent"]) -> Raw:
        """Return the parameters of p(x | latent), each of shape (batch, *input_shape), as `VAE.decode` does."""
        return self.likelihood.parameters(self.decoder(code))

    def forward(self, x: Item) -> Raw:
        """Reconstruct each item from its latent."""
        return self.decode(self.encode(x))

    def loss(self, x_hat: Raw, x: Item) -> Float[Tensor, ""]:
        """Compute the reconstruction term alone: summed over an item's entries and averaged over the batch, in nats."""
        # loss = -log p(x | z): the negative ELBO with z a point and without the KL
        return self.likelihood.negative_log(x_hat, x).mean()
