"""InfoVAE, or MMD-VAE: the codes of all items together are held to the prior, rather than each item's own posterior.

Zhao, Song and Ermon (2019), "InfoVAE: balancing learning and inference in variational autoencoders". Deep Learning Notes 13.4.7 names it
among the remedies for posterior collapse.
"""

import torch

from vae_reference.likelihoods import Item, Raw
from vae_reference.mlp import VAE, Latent, Scalar


def maximum_mean_discrepancy(z: Latent, prior: Latent) -> Scalar:
    """The squared MMD between two sets of codes, of shapes (n, latent_dim) and (m, latent_dim), with n and m at least 2.

    The estimate has no bias: it is zero on average where both sets come from one distribution, and so below zero half the time. The kernel
    is the inverse multiquadratic C / (C + |a - b|^2), whose heavy tails still pull at codes far out (Tolstikhin et al. 2018, "Wasserstein
    auto-encoders", section 4); C = 2 d is the expected squared distance of two draws from N(0, I).
    """
    scale = 2.0 * z.shape[1]

    def kernel(a: Latent, b: Latent) -> Latent:
        # Written out: the gradient of torch.cdist is not defined where two codes coincide, as each does with itself.
        return scale / (scale + (a.unsqueeze(1) - b.unsqueeze(0)).square().sum(-1))

    def within(codes: Latent) -> Scalar:
        # Each code's kernel with itself is 1, and is left out.
        n = len(codes)
        return (kernel(codes, codes).sum() - n) / (n * (n - 1))

    # MMD^2 = E k(z, z') + E k(p, p') - 2 E k(z, p)
    return within(z) + within(prior) - 2 * kernel(z, prior).mean()


class InfoVAE(VAE):
    """reconstruction + (1 - alpha) KL(q(z | x) || p(z)) + (alpha + lambda_ - 1) MMD^2(q(z), p(z)): equation 6 with the MMD of section 3.2.

    alpha = 0, lambda_ = 1 is the VAE. alpha = 1, the default, leaves the KL out: an item's posterior may say as much about the item as it
    likes, as long as all posteriors together fill the prior. So the information of z about x costs nothing, and even a decoder that can do
    without it has no reason to.

    Args:
        input_shape, hidden_dim, latent_dim, likelihood: those of `VAE`.
        alpha: the weight of the mutual information of x and z.
        lambda_: the weight of the divergence of the aggregate posterior. The squared MMD is below 2 while a reconstruction has tens or
            hundreds of nats; hence the large default.
    """

    def __init__(
        self,
        input_shape: tuple[int, ...] = (1, 28, 28),
        hidden_dim: int = 256,
        latent_dim: int = 32,
        likelihood: str = "bernoulli",
        *,
        alpha: float = 1.0,
        lambda_: float = 1000.0,
    ) -> None:
        super().__init__(input_shape, hidden_dim, latent_dim, likelihood)
        self.alpha = alpha
        self.lambda_ = lambda_

    def loss(
        self, x_hat: Raw, x: Item, mu: Latent, logvar: Latent, beta: float = 1.0, *, z: Latent | None = None
    ) -> tuple[Scalar, Scalar, Scalar]:
        """(total, reconstruction, kl) in nats an item, of at least two items; beta scales both penalties, so that 0 is an autoencoder.

        The KL is the plain one, for the record. The aggregate posterior is known by its draws alone: `z` are those that x_hat was decoded
        from. Without them new ones are taken, which estimate the same MMD; then, as with the prior's, two calls differ by chance.
        """
        _, reconstruction, kl = super().loss(x_hat, x, mu, logvar)
        if z is None:
            z = self.reparameterize(mu, logvar)
        discrepancy = maximum_mean_discrepancy(z, torch.randn_like(z))
        # loss = reconstruction + beta * [(1 - alpha) KL + (alpha + lambda - 1) MMD^2]
        penalty = (1 - self.alpha) * kl + (self.alpha + self.lambda_ - 1) * discrepancy
        return reconstruction + beta * penalty, reconstruction, kl
