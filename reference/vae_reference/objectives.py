"""Other weights of the KL: the beta-VAE, free bits, and the warm-up. Only the total changes; the terms are reported unweighted.

Deep Learning Notes 13.4.6 and VAE Basics 6.6.3 weigh the KL by beta; Notes 13.4.7 describe the effect of too much weight, and the mistakes
of VAE Basics advise a smaller beta or a warm-up. Each class is a `VAE` with another `loss`, and can be mixed into another VAE.
"""

from collections.abc import Mapping
from typing import ClassVar

from vae_reference.likelihoods import Item, Raw
from vae_reference.mlp import VAE, Latent, Scalar


def warmup(step: int, steps: int) -> float:
    """Return the weight of the KL at a step: linear from 0 at step 0 to 1 at step `steps`, and 1 from then on.

    KL annealing: Bowman et al. (2016), "Generating sentences from a continuous space", section 3; linear as in Sønderby et al. (2016),
    "Ladder variational autoencoders", section 2.3. It lets the decoder learn to use z before z has a cost. It changes the path, not the
    objective: from step `steps` on, training minimises the negative ELBO.

    Raises:
        ValueError: `step` or `steps` is negative.
    """
    if min(step, steps) < 0:
        raise ValueError(f"step {step} of a warm-up over {steps} steps: neither can be negative")
    # beta_t = min(1, t / T), with t the step and T the steps
    return 1.0 if step >= steps else step / steps


class BetaVAE(VAE):
    """A VAE whose KL has its own weight: reconstruction + beta * kl_weight * KL.

    Higgins et al. (2017), "beta-VAE: learning basic visual concepts with a constrained variational framework", equation 4. A weight above 1
    favours a posterior closer to the prior, below 1 a closer reconstruction. The weight defines the objective, so it is part of the model;
    `beta` remains a factor on it, for schedules and sweeps. A check of the objective sees `kl_weight` as the effective beta, by default 4.

    Args:
        input_shape, hidden_dim, latent_dim, likelihood: those of `VAE`.
        kl_weight: the weight of the KL at beta = 1.
    """

    # A check of the objective needs the model's default weight.
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
        """Return (total, reconstruction, kl) in nats per item; the KL is reported without its weight."""
        return super().loss(x_hat, x, mu, logvar, beta=beta * self.kl_weight)


class FreeBitsVAE(VAE):
    """A VAE in which each latent dimension's KL costs at least `free_nats`, so that a smaller KL gains nothing.

    Kingma et al. (2016), "Improving variational inference with inverse autoregressive flow", appendix C.8, against posterior collapse.

    Args:
        input_shape, hidden_dim, latent_dim, likelihood: those of `VAE`.
        free_nats: the floor of the KL, in nats per latent dimension, averaged over the batch.
    """

    # The total is not reconstruction + beta * KL where the floor is active.
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
        """Return (total, reconstruction, kl) in nats per item; the KL is without the floor, so the total may exceed their sum."""
        _, reconstruction, kl = super().loss(x_hat, x, mu, logvar)
        # KL_j = 1/2 [mu_j^2 + sigma_j^2 - 1 - log sigma_j^2], averaged over the batch before the floor, not item by item
        dimensions = 0.5 * (mu.square() + (logvar.expm1() - logvar)).mean(0)
        # loss = reconstruction + beta * sum_j max(KL_j, free_nats)
        return reconstruction + beta * dimensions.clamp(min=self.free_nats).sum(), reconstruction, kl
