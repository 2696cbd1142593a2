"""A variational autoencoder of two small perceptrons: the image model of Deep Learning Notes 13.4.

The encoder computes q(z | x) = N(mu, diag(exp(logvar))), the decoder p(x | z); the prior is p(z) = N(0, I). Training
minimises the negative ELBO, E_q[-log p(x | z)] + KL(q(z | x) || p(z)), with one draw of z for each item.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from vae_reference.likelihoods import Item, Raw, likelihood_named

Latent = Float[Tensor, "batch latent"]
Scalar = Float[Tensor, ""]


class VAE(nn.Module):
    """A VAE with layers of 784-256-32-256-784 units by default, with ReLU between the layers and a sigmoid at the end.

    Args:
        input_shape: the shape of one item, without the batch.
        hidden_dim: units of the one hidden layer on each side.
        latent_dim: dimensions of z.
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
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(pixels, hidden_dim), nn.ReLU())
        # No activation after the two heads: mu and the logarithm of a variance may be any real number.
        self.mu = nn.Linear(hidden_dim, latent_dim)
        self.logvar = nn.Linear(hidden_dim, latent_dim)
        self.decoder = nn.Sequential(
            nn.Linear(latent_dim, hidden_dim),
            nn.ReLU(),
            nn.Linear(hidden_dim, outputs * pixels),
            nn.Unflatten(1, (outputs, *self.input_shape)),
        )

    def encode(self, x: Item) -> tuple[Latent, Latent]:
        """Return the parameters of q(z | x): mu and logvar, each of shape (batch, latent_dim)."""
        h = self.encoder(x)
        return self.mu(h), self.logvar(h)

    def reparameterize(self, mu: Latent, logvar: Latent) -> Latent:
        """Draw z ~ N(mu, diag(exp(logvar))), differentiably, in training mode and in evaluation mode."""
        eps = torch.randn_like(mu)
        # z = mu + sigma * eps, with sigma = exp(logvar / 2) and eps ~ N(0, I)
        return mu + torch.exp(0.5 * logvar) * eps

    def decode(self, z: Latent) -> Raw:
        """Return the parameters of p(x | z), each of shape (batch, *input_shape): probabilities, a mean, or (mean, logvar)."""
        return self.likelihood.parameters(self.decoder(z))

    def forward(self, x: Item) -> tuple[Raw, Latent, Latent]:
        """Return x_hat, mu and logvar; x_hat is decoded from one draw of z."""
        mu, logvar = self.encode(x)
        return self.decode(self.reparameterize(mu, logvar)), mu, logvar

    def loss(self, x_hat: Raw, x: Item, mu: Latent, logvar: Latent, beta: float = 1.0) -> tuple[Scalar, Scalar, Scalar]:
        """Return the loss to minimise and its two terms: (total, reconstruction, kl), in nats per item.

        Both terms are summed over an item's own entries (pixels, latent dimensions) and then averaged over the batch,
        so that their ratio depends neither on the number of entries nor on the batch size.
        """
        # reconstruction = E_q[-log p(x | z)], estimated from the one z that x_hat was decoded from
        reconstruction = self.likelihood.negative_log(x_hat, x).mean()
        kl = kl_divergence(mu, logvar).mean()
        # loss = reconstruction + beta * KL; beta = 1 is the negative ELBO
        return reconstruction + beta * kl, reconstruction, kl

    def sample(self, n: int) -> Item:
        """Return E[x | z] for n draws of z from the prior N(0, I), of shape (n, *input_shape), without gradients."""
        with torch.no_grad():
            z = torch.randn(n, self.latent_dim, device=self.mu.weight.device, dtype=self.mu.weight.dtype)
            return self.likelihood.mean(self.decode(z))


def kl_divergence(mu: Latent, logvar: Latent) -> Float[Tensor, " batch"]:
    """Compute KL(N(mu, diag(exp(logvar))) || N(0, I)) of each item, in nats, of shape (batch,)."""
    # KL = 1/2 sum_j [mu_j^2 + sigma_j^2 - 1 - log sigma_j^2]
    # expm1 computes sigma^2 - 1 without cancellation: near the prior exp(logvar) - 1 is mostly rounding error, and the
    # KL could be negative.
    return 0.5 * (mu.square() + (torch.expm1(logvar) - logvar)).sum(-1)
