"""Two-stage decisions: screen each example with few draws at a loose level; only if it fails, decide with many fresh draws.

The false-alarm probability is that of the second stage alone (its draws are fresh), while the power over many examples stays high.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from scipy import special

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


def _detection(reject: Callable[[int, float], float], design: Design) -> float:
    """Compute the probability that at least one of the examples is rejected, given one pivot's power reject(n, level)."""
    screen, level = SCREEN_LEVEL / design.pivots, design.level / design.pivots
    one = reject(design.draws, screen) * reject(CONFIRMATION_FACTOR * design.draws, level)
    return 1 - (1 - one) ** design.examples


def _smallest(power_at: Callable[[float], float], power: float, largest: float) -> float:
    """Find the smallest effect, to a millionth, with this power, which grows with the effect; infinity if none up to `largest` has it."""
    millionths = range(math.ceil(largest * 1e6) + 1)
    found = bisect_left(millionths, power, key=lambda millionth: power_at(millionth / 1e6))
    return found / 1e6 if found < len(millionths) else math.inf


def smallest_mean_shift(design: Design, power: float = 0.99) -> float:
    """Compute the smallest shift of eps, in standard deviations, that the mean pivot detects with this power over the examples."""

    def reject(effect: float) -> Callable[[int, float], float]:
        def test(n: int, alpha: float) -> float:
            border = -float(special.ndtri(alpha / 2))
            return float(special.ndtr(effect * math.sqrt(n) - border) + special.ndtr(-border - effect * math.sqrt(n)))

        return test

    return _smallest(lambda effect: _detection(reject(effect), design), power, 5.0)


def smallest_scale_error(design: Design, power: float = 0.99) -> float:
    """Compute the smallest relative error of a too large sigma that the variance pivot detects with this power over the examples."""

    def reject(effect: float) -> Callable[[int, float], float]:
        def test(n: int, alpha: float) -> float:
            factor = (1 + effect) ** 2
            upper = float(special.chdtrc(n, special.chdtri(n, alpha / 2) / factor))
            return upper + float(special.chdtr(n, 2 * special.gammaincinv(n / 2, alpha / 2) / factor))

        return test

    return _smallest(lambda effect: _detection(reject(effect), design), power, 5.0)
