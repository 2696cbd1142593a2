"""Posterior collapse in a lab: a strong decoder trained without and with each remedy (Deep Learning Notes 13.4.7; VAE Basics, mistakes).

On scikit-learn's 8 x 8 digits one training takes seconds. Results on 500 held-out digits, seeds 0 to 2 (terms as in `Information`):

    remedy            KL             mutual information   shuffle gap
    none              .004 to .007   .01                  .000 to .003
    warm-up           .014 to .018   .01                  .001 to .002
    free bits         1.5 to 1.6     1.3 to 1.4           .12
    smaller beta      8.5 to 8.8     5.5 to 5.6           1.20 to 1.24
    weaker decoder    1.9 to 2.2     1.8 to 2.1           .49 to .56
    InfoVAE           37 to 46       6.2 = log 500        3.3 to 3.5

The warm-up alone only delays the collapse: its KL peaks above 13 nats and vanishes again as beta approaches 1. With this decoder the
collapsed solution has the better ELBO, and the objective after a warm-up is the ELBO. The other remedies change the objective or the
decoder.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float64

from vae_reference.autoregressive import AutoregressiveVAE
from vae_reference.infovae import InfoVAE
from vae_reference.likelihoods import Item
from vae_reference.mlp import kl_divergence
from vae_reference.objectives import BetaVAE, FreeBitsVAE, warmup

Curve = Float64[np.ndarray, " steps"]


class AutoregressiveBetaVAE(BetaVAE, AutoregressiveVAE):
    """The strong decoder with a weight on the KL."""


class AutoregressiveFreeBitsVAE(FreeBitsVAE, AutoregressiveVAE):
    """The strong decoder with some nats of KL free."""


class AutoregressiveInfoVAE(InfoVAE, AutoregressiveVAE):
    """The strong decoder with the aggregate posterior matched to the prior."""


@dataclass(frozen=True)
class Remedy:
    """One way to train the strong decoder.

    Attributes:
        build: build(shape) returns a new model for items of this shape.
        beta: beta(step, steps) returns the weight of the KL.
    """

    build: Callable[[tuple[int, ...]], AutoregressiveVAE]
    beta: Callable[[int, int], float] = lambda _step, _steps: 1.0


REMEDIES: dict[str, Remedy] = {
    "none": Remedy(AutoregressiveVAE),
    "warm-up": Remedy(AutoregressiveVAE, lambda step, steps: warmup(step, steps // 2)),
    "free bits": Remedy(lambda shape: AutoregressiveFreeBitsVAE(shape, latent_dim=16, free_nats=0.1)),
    "smaller beta": Remedy(lambda shape: AutoregressiveBetaVAE(shape, latent_dim=16, kl_weight=0.25)),
    "weaker decoder": Remedy(lambda shape: AutoregressiveVAE(shape, input_dropout=0.5)),
    "InfoVAE": Remedy(lambda shape: AutoregressiveInfoVAE(shape, latent_dim=16)),
}
"""The remedies by name; "none" shows the collapse, and the warm-up ends halfway through the training."""


@dataclass(frozen=True)
class CollapseRun:
    """The result of one training.

    Attributes:
        model: the trained model, in evaluation mode.
        reconstruction, kl: one entry per step, in nats per item, taken before that step's update.
    """

    model: AutoregressiveVAE
    reconstruction: Curve
    kl: Curve


def train_remedy(
    remedy: str, data: Item, seed: int = 0, steps: int = 2000, *, batch: int = 128, learning_rate: float = 1e-3
) -> CollapseRun:
    """Train the strong decoder with one of the `REMEDIES`; the caller's random state is preserved.

    Args:
        remedy: name of the remedy.
        data: items in [0, 1], of shape (items, *input_shape).
        seed: seed of the initial weights, the batches and the noise.
        steps: number of updates.
        batch: number of items drawn for each update.
        learning_rate: Adam's learning rate.

    Raises:
        ValueError: there is no such remedy.
    """
    if remedy not in REMEDIES:
        raise ValueError(f"there is no remedy {remedy!r}; choose one of {', '.join(REMEDIES)}")
    way = REMEDIES[remedy]
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        model = way.build(tuple(data.shape[1:]))
        optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate, fused=True)
        terms = np.empty((steps, 2))
        for step in range(steps):
            x = data[torch.randint(len(data), (batch,))]
            x_hat, mu, logvar = model(x)
            loss, reconstruction, kl = model.loss(x_hat, x, mu, logvar, beta=way.beta(step, steps))
            terms[step] = reconstruction.item(), kl.item()
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
    return CollapseRun(model.eval(), reconstruction=terms[:, 0], kl=terms[:, 1])


@dataclass(frozen=True)
class Information:
    """The information that a model's latents carry about the items, and whether its decoder uses it.

    Attributes:
        kl: KL(q(z | x) || p(z)) averaged over the items, in nats: an upper bound of the mutual information.
        mutual_information: I(x; z) under q, in nats; the estimate from n items is at most log n.
        shuffle_gap: rise of the loss when each item is decoded from another item's latent, as a share of the rise for the mean item.
        active_units: number of latent dimensions in which mu has a variance over items above 0.01 (Burda et al. 2016, section 5.2).
    """

    kl: float
    mutual_information: float
    shuffle_gap: float
    active_units: int


def information(model: AutoregressiveVAE, x: Item, seed: int = 0) -> Information:
    """Measure a model on items of shape (n, *input_shape), preferably held out; the caller's random state is preserved."""
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        mu, logvar = model.encode(x)
        z = model.reparameterize(mu, logvar)

        # log q(z_i | x_k) for every draw i and item k, without the constant that cancels below
        log_q = -0.5 * ((z.unsqueeze(1) - mu).square() * torch.exp(-logvar) + logvar).sum(-1)
        # I(x; z) = E[log q(z | x) - log q(z)], with q(z) = 1/n sum_k q(z | x_k)
        mutual_information = (log_q.diagonal() - log_q.logsumexp(1) + math.log(len(x))).mean()

        def loss(codes: torch.Tensor) -> torch.Tensor:
            return model.likelihood.negative_log(model.decode_given(codes, x), x).mean()

        mean_item = model.likelihood.negative_log(x.mean(0, keepdim=True).expand_as(x), x).mean()
        perfect = model.likelihood.negative_log(x, x).mean()
        gap = (loss(z.roll(1, dims=0)) - loss(z)) / (mean_item - perfect)
        active = int((mu.var(0) > 0.01).sum())
        return Information(float(kl_divergence(mu, logvar).mean()), float(mutual_information), float(gap), active)
