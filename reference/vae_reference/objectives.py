"""Other weights of the KL: the beta-VAE, free bits, and the warm-up. Only the total changes; the terms are reported as they are.

Deep Learning Notes 13.4.6 and VAE Basics 6.6.3 weigh the KL by beta; Notes 13.4.7 name what too much weight does, and the mistakes of VAE
Basics advise a smaller beta or a warm-up. Each class is a `VAE` with another `loss`, and can be put before another VAE in a class's bases.
"""

from collections.abc import Mapping
from typing import ClassVar

from vae_reference.likelihoods import Item, Raw
from vae_reference.mlp import VAE, Latent, Scalar


def warmup(step: int, steps: int) -> float:
    """The weight of the KL at a step, from 0 at step 0 in a straight line to 1 at step `steps`, and 1 from there on.

    KL annealing: Bowman et al. (2016), "Generating sentences from a continuous space", section 3; linear as in Sønderby et al. (2016),
    "Ladder variational autoencoders", section 2.3. It lets the decoder find a use for z before z costs anything. It changes the way, not
    the goal: what is minimised from step `steps` on is the negative ELBO.

    Raises:
        ValueError: `step` or `steps` is negative.
    """
    if min(step, steps) < 0:
        raise ValueError(f"step {step} of a warm-up over {steps} steps: neither can be negative")
    # beta_t = min(1, t / T), with t the step and T the steps
    return 1.0 if step >= steps else step / steps


class BetaVAE(VAE):
    """A VAE whose KL has a weight of its own: reconstruction + beta * kl_weight * KL.

    Higgins et al. (2017), "beta-VAE: learning basic visual concepts with a constrained variational framework", equation 4. More than 1 asks
    for a code nearer to the prior, less than 1 for a closer reconstruction. The weight is the objective of the model, and so it is part of
    the model; `beta` remains a factor on it, for schedules and sweeps. To a check of the objective the effective beta is `kl_weight`,
    4 unless it is built with another.

    Args:
        input_shape, hidden_dim, latent_dim, likelihood: those of `VAE`.
        kl_weight: the weight of the KL at beta = 1.
    """

    # What a check of the objective has to know: the weight that a model has by default.
    conformance_options: ClassVar[Mapping[str, object]] = {"effective-beta": 4.0}

    def __init__(
        self,
        input_shape: tuple[int, ...] = (1, 28, 28),
        hidden_dim: int = 256,
        latent_dim: int = 32,
        likelihood: str = "bernoulli",
        *,
        kl_weight: float = 4.0,
    ) -> None:
        super().__init__(input_shape, hidden_dim, latent_dim, likelihood)
        self.kl_weight = kl_weight

    def loss(self, x_hat: Raw, x: Item, mu: Latent, logvar: Latent, beta: float = 1.0) -> tuple[Scalar, Scalar, Scalar]:
        """(total, reconstruction, kl) in nats an item; the KL is reported without its weight."""
        return super().loss(x_hat, x, mu, logvar, beta=beta * self.kl_weight)


class FreeBitsVAE(VAE):
    """A VAE that pays for a latent dimension's KL only from `free_nats` on: nothing is gained by a dimension that says less.

    Kingma et al. (2016), "Improving variational inference with inverse autoregressive flow", appendix C.8, against posterior collapse.

    Args:
        input_shape, hidden_dim, latent_dim, likelihood: those of `VAE`.
        free_nats: the KL that is free, in nats for each latent dimension, on average over the batch.
    """

    # The total is not reconstruction + beta * KL where a floor holds.
    conformance_options: ClassVar[Mapping[str, object]] = {"objective": "modified"}

    def __init__(
        self,
        input_shape: tuple[int, ...] = (1, 28, 28),
        hidden_dim: int = 256,
        latent_dim: int = 32,
        likelihood: str = "bernoulli",
        *,
        free_nats: float = 0.1,
    ) -> None:
        super().__init__(input_shape, hidden_dim, latent_dim, likelihood)
        self.free_nats = free_nats

    def loss(self, x_hat: Raw, x: Item, mu: Latent, logvar: Latent, beta: float = 1.0) -> tuple[Scalar, Scalar, Scalar]:
        """(total, reconstruction, kl) in nats an item; the KL is the plain one, so total is not their sum where a floor holds."""
        _, reconstruction, kl = super().loss(x_hat, x, mu, logvar)
        # KL_j = 1/2 [mu_j^2 + sigma_j^2 - 1 - log sigma_j^2], averaged over the batch before the floor, not item by item
        dimensions = 0.5 * (mu.square() + (logvar.expm1() - logvar)).mean(0)
        # loss = reconstruction + beta * sum_j max(KL_j, free_nats)
        return reconstruction + beta * dimensions.clamp(min=self.free_nats).sum(), reconstruction, kl
