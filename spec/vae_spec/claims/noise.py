"""How noise is tested to be standard normal, and how it is identified if it is not: for the sampling step, forward and own samples."""

from __future__ import annotations

import math

import numpy as np

from vae_spec.checks import Cause
from vae_spec.statistics.pivots import (
    Draws,
    Pivot,
    independence_pivot,
    mean_pivot,
    normal_scores_of_size,
    shape_pivot,
    size_pivot,
    variance_pivot,
)
from vae_spec.statistics.two_stage import Design, smallest_mean_shift, smallest_scale_error

REPORTED_SHARE = 1e-3
"""Deviations up to this share of sigma come from floors such as std + 1e-6: reported, not rejected."""
LAGS = (1, 2, 3)
"""Distances at which neighbouring items and dimensions are compared, besides the halves of either."""
PIVOTS = 4 + 2 * 2 * (len(LAGS) + 1)
"""Largest number of tests in `standard_normal_pivots`, which share a level."""
UNIFORM = 0.05
"""Tolerance on the mean 1/2 of a screen of uniform draws; its standard error is a tenth of that."""
SHRUNK = 0.9
"""A variance below this means shrunk noise: for 4096 draws it is four standard deviations off."""


def standard_normal_pivots(u: Draws) -> list[Pivot]:
    """Return the exact pivots of draws of shape (items, dimensions) that should be standard normal.

    Independence between items and between dimensions is tested at several distances, of the draws and of their sizes: noise may be
    correlated between neighbours, or share its scale.
    """
    found = [mean_pivot(u), variance_pivot(u), shape_pivot(u), size_pivot(u)]
    sizes = normal_scores_of_size(u)
    for axis, between in ((0, "items"), (1, "dimensions")):
        for lag in dict.fromkeys((*LAGS, u.shape[axis] // 2)):
            if lag and 2 * lag <= u.shape[axis]:
                apart = f"{between}, {lag} apart"
                found.append(independence_pivot(*_pairs(u, axis, lag), f"correlation between {apart}"))
                found.append(independence_pivot(*_pairs(sizes, axis, lag), f"correlation of sizes between {apart}"))
    return found


def _pairs(u: Draws, axis: int, lag: int) -> tuple[Draws, Draws]:
    """Return draws and those `lag` further along the axis, each draw at most once, so that the two are independent."""
    moved = np.moveaxis(u, axis, 0)
    whole = moved[: len(moved) // (2 * lag) * 2 * lag].reshape(-1, 2, lag, moved.shape[1])
    return whole[:, 0].ravel(), whole[:, 1].ravel()


def explain_noise(rejected: Pivot, fresh: list[Pivot]) -> Cause:
    """Identify why noise is not standard normal, from the pivot that was rejected and all pivots of fresh draws."""
    values = {pivot.name: pivot.value for pivot in fresh}
    if abs(values.get("mean", 0.0) - 0.5) < UNIFORM:
        return Cause("eps-from-rand", "a mean near 0.5 is uniform noise: rand_like where randn_like belongs")
    largest, least = values.get("largest size", math.inf), math.sqrt(3)
    if largest <= least * (1 + REPORTED_SHARE) and abs(values.get("variance", 0.0) - 1) < UNIFORM:
        return Cause("eps-from-rand", "no draw is larger than the square root of 3: that is uniform noise of variance 1")
    if rejected.name.startswith("correlation"):
        return Cause("eps-shared", f"the noise is not independent: there is a {rejected.name}")
    if rejected.name == "largest size" and rejected.value < rejected.expected:
        return Cause("eps-shrunk", "the noise is cut off: its largest values are missing")
    return Cause("eps-shrunk" if rejected.name == "variance" and rejected.value < SHRUNK else None)


def smallest_noise_error(*, draws: int, level: float, examples: int) -> str:
    """Describe the smallest error of the noise that `standard_normal_pivots` detect at this level over the examples."""
    design = Design(draws=draws, level=level, examples=examples, pivots=PIVOTS)
    scale, shift = smallest_scale_error(design), smallest_mean_shift(design)
    return f"a {scale:.1%} error of sigma or a shift of {shift:.3f} sigma, with probability 0.99"
