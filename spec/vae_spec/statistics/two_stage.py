"""Two-stage decisions: screen each example with few draws at a loose level; only if it fails, decide with many fresh draws.

The false-alarm probability is that of the second stage alone (its draws are fresh), while the power over many examples stays high.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import scipy

from vae_spec.statistics.pivots import Pivot

SCREEN_LEVEL = 1e-2
"""Probability that an example of a sound implementation comes to the second stage, at most: shared among the pivots, as the level is."""
CONFIRMATION_FACTOR = 16


@dataclass(frozen=True)
class Decision:
    """The decision on one example: whether it is rejected, on which pivot, from how many draws, and at which stage."""

    rejected: bool
    pivot: Pivot
    draws: int
    stage: int


def _rank(pivot: Pivot) -> float:
    """Return the sort key of a pivot: its p-value, or -inf for nan, which never counts as agreement."""
    return -math.inf if math.isnan(pivot.p) else pivot.p


def decide(measure: Callable[[int, int], Sequence[Pivot]], *, draws: int, level: float) -> Decision:
    """Decide one example.

    Args:
        measure: called as measure(draws, stage); makes that many fresh draws and returns exact pivots on them.
        draws: number of draws for the screen; the confirmation takes 16 times as many.
        level: false-alarm probability of the whole decision, shared among the pivots.
    """
    pivots = measure(draws, 1)
    first = min(pivots, key=_rank)
    if first.p >= SCREEN_LEVEL / len(pivots):
        return Decision(rejected=False, pivot=first, draws=draws, stage=1)
    pivots = measure(CONFIRMATION_FACTOR * draws, 2)
    worst = min(pivots, key=_rank)
    return Decision(rejected=not worst.p >= level / len(pivots), pivot=worst, draws=CONFIRMATION_FACTOR * draws, stage=2)


@dataclass(frozen=True, kw_only=True)
class Design:
    """The size of a test: its draws in the screen, its pivots, the level that they share in each of so many examples."""

    draws: int
    level: float
    examples: int
    pivots: int = 1


Power = Callable[[float, int, float], float]
"""Called as power(effect, draws, level): the probability that one test detects an effect."""


def _smallest(of_test: Power, design: Design, power: float) -> float:
    """Find the smallest effect, to a millionth, that is detected in at least one example with this power; infinity if none up to 5 is."""
    screen, level = SCREEN_LEVEL / design.pivots, design.level / design.pivots

    def detection(millionth: int) -> float:
        effect = millionth / 1e6
        one = of_test(effect, design.draws, screen) * of_test(effect, CONFIRMATION_FACTOR * design.draws, level)
        return 1 - (1 - one) ** design.examples

    millionths = range(5 * 10**6 + 1)
    found = bisect_left(millionths, power, key=detection)
    return found / 1e6 if found < len(millionths) else math.inf


def smallest_mean_shift(design: Design, power: float = 0.99) -> float:
    """Compute the smallest shift of eps, in standard deviations, that the mean pivot detects with this power over the examples."""

    def of_test(shift: float, n: int, alpha: float) -> float:
        border = -float(scipy.special.ndtri(alpha / 2))
        return float(scipy.special.ndtr(shift * math.sqrt(n) - border) + scipy.special.ndtr(-border - shift * math.sqrt(n)))

    return _smallest(of_test, design, power)


def smallest_scale_error(design: Design, power: float = 0.99) -> float:
    """Compute the smallest relative error of a too large sigma that the variance pivot detects with this power over the examples."""

    def of_test(error: float, n: int, alpha: float) -> float:
        factor = (1 + error) ** 2
        upper = float(scipy.special.chdtrc(n, scipy.special.chdtri(n, alpha / 2) / factor))
        return upper + float(scipy.special.chdtr(n, 2 * scipy.special.gammaincinv(n / 2, alpha / 2) / factor))

    return _smallest(of_test, design, power)
