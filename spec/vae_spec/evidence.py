"""Evidence: the records of trained runs that experiments write and claims read, as frozen dataclasses of plain arrays.

A claim never trains and an experiment never judges; these records are all that passes between them. Losses are in nats per item: the
implementation's own numbers divided by the scale of its reconstruction term relative to the negative log-likelihood.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from vae_spec.lazy import Tensor
from vae_spec.observations import ImageObservations, PointObservations

Curve = NDArray[np.float64]


class Arm(StrEnum):
    """The members of a comparison of paired trainings: the same initialisation, data order and noise, one thing changed.

    `OWN` is the unchanged objective; `AUTOENCODER` has z = mu and no KL; `NO_KL` samples z but has no KL; `SMALL` and `LARGE` weigh the KL
    by another beta; `TANH` has another activation.
    """

    OWN = "own"
    AUTOENCODER = "autoencoder"
    NO_KL = "without KL"
    SMALL = "small beta"
    LARGE = "large beta"
    TANH = "tanh"


SMALL_BETA, LARGE_BETA = 0.1, 4.0
"""The betas that Deep Learning Notes 13.4.6 compare with 1, for images of 28x28."""
SWEPT_ENTRIES = 784


def large_beta(entries: int) -> float:
    """Return the large beta for items of this many entries: 4, and in proportion to the entries above 784.

    A likelihood is a sum over entries. The same images at 64x64 have five times the nats of reconstruction for the same content, so that
    beta 4 weighs no more there than 0.8 at 28x28 and costs hardly any information (0.1 nat, compared with 2.2).
    """
    return LARGE_BETA * max(1.0, entries / SWEPT_ENTRIES)


@dataclass(frozen=True)
class Recipe:
    """How to train: everything that determines a run except the implementation and the values of the data.

    Attributes:
        dataset: the name of the data set.
        steps: the number of optimiser steps.
        batch: the number of items per step; 0 means all of them.
        learning_rate: that of Adam, whose other settings are PyTorch's defaults.
        beta: the factor on the implementation's KL term (1 is the unchanged objective).
        noise: whether z is sampled; without noise z = mu, as in an autoencoder.
        seed: determines initialisation, data order and noise.
        single_stream: seed once, then draw data, initialisation, noise and final samples from that one stream, as a script does.
        samples: the number of prior samples decoded at the end (used with `single_stream`).
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
    """The result of a training: the loss curves in the implementation's own units, one entry per step, and the final state.

    Attributes:
        total, reconstruction, kl: the losses before each step's update, as the implementation reports them.
        analytic_kl: the closed-form KL of the same batches, nats per item.
        state: the final parameters and buffers.
        diverged_at: the first step whose loss is not finite, or None; the curves end there.
        samples: decoded prior samples, if the recipe requests them.
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
    """Measurements of the trained implementation on items that it was not trained on.

    Attributes:
        items: the number of items.
        r2: 1 - SSE / SSE of the training mean image, of reconstructions from a sampled z.
        r2_shuffled: the same with each item decoded from another item's z.
        r2_mean_code: the same as `r2` with z = mu.
        kl_per_dim: the mean analytic KL of each latent dimension, nats.
        mu_variance: the variance over items of each dimension of mu.
        reported_kl: the KL that the loss reports on these items, nats per item.
        analytic_kl: the sum of `kl_per_dim` for the same items.
        reconstruction: the reconstruction term on these items, nats per item up to the likelihood's constant.
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
    """The effective beta that training optimised, estimated from the stationarity of the posterior's scale (see `vae_spec.statistics`).

    Attributes:
        beta: the estimate, in units of the negative log-likelihood.
        standard_error: over items and noise draws.
        kl: the mean analytic KL on the same items, nats; below 0.5 the ratio is meaningless.
        items: the number of items.
    """

    beta: float
    standard_error: float
    kl: float
    items: int


NOISE_OVER_DATA = "noise variance over the data's largest"
"""The note of a run with the ratio of the likelihood's noise variance to the data's largest variance in any direction."""


@dataclass(frozen=True)
class TrainedRun:
    """One training and its measurements.

    Attributes:
        recipe: how it was trained.
        total, reconstruction, kl: training curves in nats per item, as reported.
        analytic_kl: the closed-form KL during the training, nats per item.
        diverged_at: the first step whose loss is not finite, or None.
        repeat_difference: the largest difference, relative to the curve's largest value, between the first steps of this run and
            of a second one under the same seed; None if there was none.
        repeat_steps: the number of steps compared.
        held_out: measurements on held-out items; None if the training diverged.
        stationarity: the effective beta it optimised; None if the training diverged or it cannot be measured.
        samples: decoded prior samples, if the recipe requested them.
        observations: measurements on images; None for points, and if the training diverged.
        points: measurements on the lab's points; None otherwise.
        notes: further measurements of the experiment, by name.
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
    observations: ImageObservations | None = None
    points: PointObservations | None = None
    notes: Mapping[str, float] = field(default_factory=dict)


Group = Mapping[str, TrainedRun]
"""Paired runs of one seed, by the name of what was changed (an `Arm`, or a system's name)."""
