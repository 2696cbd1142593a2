"""Evidence: what experiments write down about trained runs, as frozen records of plain arrays that claims look at.

A claim never trains and an experiment never judges; these records are all that passes between them. Losses are in nats an item: the
implementation's own numbers divided by the scale that its reconstruction term has against the negative log-likelihood.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from vae_spec.observations import PointSights, Sights

Curve = NDArray[np.float64]


class Arm(StrEnum):
    """The members of a comparison of paired trainings: the same initialisation, data order and noise, one thing changed.

    `OWN` is the objective as it stands; `AUTOENCODER` has z = mu and no KL; `NO_KL` samples z but has no KL; the others weigh the KL by
    another beta; `TANH` has another activation.
    """

    OWN = "own"
    AUTOENCODER = "autoencoder"
    NO_KL = "without KL"
    SMALL = "small beta"
    LARGE = "large beta"
    TANH = "tanh"


SMALL_BETA, LARGE_BETA = 0.1, 4.0
"""The betas that Deep Learning Notes 13.4.6 set beside 1, for images of 28x28."""
SWEPT_ENTRIES = 784


def large_beta(entries: int) -> float:
    """The large beta for items of so many entries: 4, and beyond 784 entries in proportion to them.

    A likelihood is a sum over entries. The same images at 64x64 have five times the nats of reconstruction for the same content, so that
    beta 4 weighs no more there than 0.8 does at 28x28, and costs hardly any information (0.1 nat, against 2.2).
    """
    return LARGE_BETA * max(1.0, entries / SWEPT_ENTRIES)


@dataclass(frozen=True)
class Recipe:
    """How to train: everything that decides a run but the implementation and the data's values.

    Attributes:
        dataset: the name of the data.
        steps: optimiser steps.
        batch: items a step; 0 means all of them.
        learning_rate: of Adam, whose other settings are PyTorch's defaults.
        beta: the factor on the implementation's KL term (1 is the objective as it stands).
        noise: whether z is sampled; without noise z = mu, as in an autoencoder.
        seed: decides initialisation, data order and noise.
        single_stream: seed once, then draw data, initialisation, noise and closing samples from that one stream, as a script does.
        samples: codes drawn from the prior and decoded at the end (used with `single_stream`).
    """

    dataset: str
    steps: int
    batch: int
    learning_rate: float
    beta: float = 1.0
    noise: bool = True
    seed: int = 0
    single_stream: bool = False
    samples: int = 0


@dataclass(frozen=True)
class Training:
    """What a training gave: the three curves in the implementation's own units, one entry a step, and the final state.

    Attributes:
        total, reconstruction, kl: the losses before each step's update, as the implementation reports them.
        analytic_kl: the closed-form KL of the same batches, nats an item.
        state: the final parameters and buffers.
        diverged_at: the first step whose loss is not finite, or None; the curves end there.
        samples: decoded prior samples, where the recipe asks for them.
    """

    total: Curve
    reconstruction: Curve
    kl: Curve
    analytic_kl: Curve
    state: Mapping[str, Tensor]
    diverged_at: int | None = None
    samples: NDArray[np.float64] | None = None


@dataclass(frozen=True)
class HeldOut:
    """What the trained implementation does on items that it was not trained on.

    Attributes:
        items: how many.
        r2: 1 - SSE / SSE of the training mean image, of reconstructions from a sampled code.
        r2_shuffled: the same when each item is decoded from another item's code.
        r2_mean_code: the same as `r2` from z = mu.
        kl_per_dim: the mean analytic KL of each latent dimension, nats.
        mu_variance: the variance over items of each dimension of mu.
        reported_kl: the KL that the loss reports on these items, nats an item.
        analytic_kl: the sum of `kl_per_dim` for the same items.
        reconstruction: the reconstruction term on these items, nats an item up to the likelihood's constant.
    """

    items: int
    r2: float
    r2_shuffled: float
    r2_mean_code: float
    kl_per_dim: Curve
    mu_variance: Curve
    reported_kl: float
    analytic_kl: float
    reconstruction: float


@dataclass(frozen=True)
class Stationarity:
    """The effective beta that training optimised, read off the stationarity of the posterior's scale (see `vae_spec.statistics`).

    Attributes:
        beta: the estimate, in units of the negative log-likelihood.
        standard_error: over items and noise draws.
        kl: the mean analytic KL on the items it was measured on, nats; below 0.5 the ratio says nothing.
        items: how many.
    """

    beta: float
    standard_error: float
    kl: float
    items: int


NOISE_OVER_DATA = "noise variance over the data's largest"
"""The note of a run that says how the variance of the likelihood's noise stands to the largest variance in any direction of the data."""


@dataclass(frozen=True)
class TrainedRun:
    """One training and what was seen of it.

    Attributes:
        recipe: how it was trained.
        total, reconstruction, kl: training curves in nats an item, as reported.
        analytic_kl: the closed-form KL along the training, nats an item.
        diverged_at: the first step whose loss is not finite, or None.
        repeat_difference: the largest difference, relative to the curve's largest value, between the first steps of this run and
            of a second one under the same seed; None where it was not tried.
        repeat_steps: how many steps were compared.
        held_out: what it does on held-out items; None where the training diverged.
        stationarity: the effective beta it optimised; None where the training diverged or nothing can be measured.
        samples: decoded prior samples, where the recipe asked for them.
        sights: what is seen of it on images; None for points, and where the training diverged.
        points: what is seen of it on the lab's points; None elsewhere.
        notes: what the experiment has to say besides, by name.
    """

    recipe: Recipe
    total: Curve
    reconstruction: Curve
    kl: Curve
    analytic_kl: Curve
    diverged_at: int | None = None
    repeat_difference: float | None = None
    repeat_steps: int = 0
    held_out: HeldOut | None = None
    stationarity: Stationarity | None = None
    samples: NDArray[np.float64] | None = None
    sights: Sights | None = None
    points: PointSights | None = None
    notes: Mapping[str, float] = field(default_factory=dict)


Group = Mapping[str, TrainedRun]
"""Paired runs of one seed, by the name of what was changed (an `Arm`, or a system's name)."""
