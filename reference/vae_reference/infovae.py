"""InfoVAE, or MMD-VAE: the aggregate posterior is matched to the prior, rather than each item's own posterior.

Zhao, Song and Ermon (2019), "InfoVAE: balancing learning and inference in variational autoencoders", section 3. Deep Learning Notes 13.4.7
list it among the remedies for posterior collapse.
"""

from collections.abc import Mapping
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from vae_reference.likelihoods import Item, Raw
from vae_reference.mlp import VAE, Latent, Scalar


def maximum_mean_discrepancy(z: Latent, prior: Latent) -> Scalar:
    """Compute the squared MMD between two sets of latents, of shapes (n, latent_dim) and (m, latent_dim): 0 for equal sets, always below 2.

    This is the biased estimate, which compares each latent with itself too. It is never negative, exists even for a single latent, and
    exceeds the MMD of the distributions by about (1 - E k) (1/n + 1/m), since two sets drawn from one distribution are not equal.

    The kernel is the inverse multiquadratic C / (C + |a - b|^2), whose heavy tails give a gradient to distant latents (Tolstikhin et al.
    2018, "Wasserstein auto-encoders", section 4); C = 2 d is the expected squared distance of two draws from N(0, I).
    """
    scale = 2.0 * z.shape[1]

    def kernel(a: Latent, b: Latent) -> Float[Tensor, "first second"]:
        # |a - b|^2 = |a|^2 + |b|^2 - 2 a b for all pairs at once; rounding may make it negative for large values
        squares = a.square().sum(1, keepdim=True) + b.square().sum(1) - 2 * a @ b.T
        return scale / (scale + squares.clamp(min=0))

    # MMD^2 = E k(z, z') + E k(p, p') - 2 E k(z, p)
    return kernel(z, z).mean() + kernel(prior, prior).mean() - 2 * kernel(z, prior).mean()


class InfoVAE(VAE):
    """reconstruction + (1 - alpha) KL(q(z | x) || p(z)) + (alpha + lambda_ - 1) MMD^2(q(z), p(z)).

    alpha = 0, lambda_ = 1 is the VAE. alpha = 1, the default, drops the KL: a posterior may carry any amount of information about its item,
    as long as all posteriors together match the prior. So the information of z about x costs nothing, and even a decoder that could ignore
    z has no reason to.

    Args:
        input_shape, hidden_dim, latent_dim, likelihood: those of `VAE`.
        alpha: the weight of the mutual information of x and z.
        lambda_: the weight of the divergence of the aggregate posterior. The squared MMD is below 2, while a reconstruction has tens or
            hundreds of nats; hence the large default. If it is too large, the noise of the estimate drowns the reconstruction.
    """

    # The penalty in the total is not the KL that is reported.
    conformance_options: ClassVar[Mapping[str, object]] = {"objective": "modified"}

    def __init__(
        self,
        input_shape: tuple[int, ...] = (1, 28, 28),
        hidden_dim: int = 256,
        latent_dim: int = 32,
        likelihood: str = "bernoulli",
        *,
        alpha: float = 1.0,
        lambda_: float = 100.0,
    ) -> None:
        super().__init__(input_shape, hidden_dim, latent_dim, likelihood)
        self.alpha = alpha
        self.lambda_ = lambda_

    def loss(
        self, x_hat: Raw, x: Item, mu: Latent, logvar: Latent, beta: float = 1.0, *, z: Latent | None = None
    ) -> tuple[Scalar, Scalar, Scalar]:
        """Return (total, reconstruction, kl) in nats per item; beta scales both penalties, so that beta = 0 gives an autoencoder.

        The reported KL is the plain one. The MMD is estimated from draws of the aggregate posterior: `z` holds those that x_hat was
        decoded from. Without it, new ones are drawn, which estimate the same MMD; then, as with the prior's, two calls differ by chance.
        """
        _, reconstruction, kl = super().loss(x_hat, x, mu, logvar)
        if z is None:
            z = self.reparameterize(mu, logvar)
        discrepancy = maximum_mean_discrepancy(z, torch.randn_like(z))
        # loss = reconstruction + beta * [(1 - alpha) KL + (alpha + lambda - 1) MMD^2]
        penalty = (1 - self.alpha) * kl + (self.alpha + self.lambda_ - 1) * discrepancy
        return reconstruction + beta * penalty, reconstruction, kl
