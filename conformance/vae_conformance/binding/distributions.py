"""Distribution objects in the places of tensors: what they hold, and new ones of the same kind around other values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeGuard

import torch
from torch import Tensor
from torch.distributions import Bernoulli, ContinuousBernoulli, Distribution, Independent, MultivariateNormal, Normal

from vae_spec.subject import Raw


def is_readable(value: Any) -> TypeGuard[Distribution]:
    """Whether a value is a distribution that has a mean and a deviation: one of the author's own class may have neither."""
    if not isinstance(value, Distribution):
        return False
    try:
        return isinstance(value.mean, Tensor) and isinstance(value.stddev, Tensor)
    except NotImplementedError:
        return False


def pair_of(distribution: Distribution) -> tuple[Tensor, Tensor]:
    """Return mean and log-variance."""
    return distribution.mean, 2 * torch.log(distribution.stddev)


def raw_of(distribution: Distribution) -> Raw:
    """What a decoder that gives a distribution gives: logits or probabilities as they were handed in, a Normal's mean and log-variance."""
    base = _base(distribution)
    if isinstance(base, Normal):
        return pair_of(base)
    if isinstance(base, Bernoulli | ContinuousBernoulli):
        return (base._param,)  # noqa: SLF001  the one of the two that was given; the other is computed from it
    return (base.mean,)


def is_gaussian(distribution: Distribution) -> bool:
    """Whether it is a Gaussian, however wrapped."""
    return isinstance(_base(distribution), Normal | MultivariateNormal)


def is_prior(distribution: Distribution) -> bool:
    """Whether it is a standard normal in every entry."""
    return is_gaussian(distribution) and not bool(distribution.mean.any()) and bool((distribution.stddev == 1).all())


def behind_priors(found: Sequence[tuple[Any, Distribution]]) -> list[Any]:
    """The places of distributions, those first that are not the prior's: beside a posterior a result may hold what it is compared with."""
    return [place for place, _distribution in sorted(found, key=lambda entry: is_prior(entry[1]))]


def gives_logits(template: Any) -> bool:
    """Whether it is a Bernoulli distribution that was given logits."""
    base = _base(template) if isinstance(template, Distribution) else None
    return isinstance(base, Bernoulli | ContinuousBernoulli) and base.__dict__.get("probs") is not base._param  # noqa: SLF001


def _base(distribution: Distribution) -> Distribution:
    while isinstance(distribution, Independent):
        distribution = distribution.base_dist
    return distribution
