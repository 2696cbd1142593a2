"""Two-stage decisions: screen each example with few draws at a loose level; only if it fails, decide with many fresh draws.

The false-alarm probability is that of the second stage alone (its draws are fresh), while the power over many examples stays high.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from scipy import optimize, stats

from vae_spec.statistics.pivots import Pivot

SCREEN_LEVEL = 1e-2
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
    first = min(measure(draws, 1), key=_rank)
    if first.p >= SCREEN_LEVEL:
        return Decision(rejected=False, pivot=first, draws=draws, stage=1)
    pivots = measure(CONFIRMATION_FACTOR * draws, 2)
    worst = min(pivots, key=_rank)
    return Decision(rejected=not worst.p >= level / len(pivots), pivot=worst, draws=CONFIRMATION_FACTOR * draws, stage=2)


def _detection(reject: Callable[[int, float], float], draws: int, level: float, examples: int) -> float:
    """Compute the probability that at least one of the examples is rejected, given one test's power reject(n, level)."""
    one = reject(draws, SCREEN_LEVEL) * reject(CONFIRMATION_FACTOR * draws, level)
    return 1 - (1 - one) ** examples


def _smallest(power_at: Callable[[float], float], power: float, largest: float) -> float:
    if power_at(largest) < power:
        return math.inf
    return float(optimize.brentq(lambda effect: power_at(effect) - power, 1e-9, largest, xtol=1e-6))


def smallest_mean_shift(*, draws: int, level: float, examples: int, power: float = 0.99) -> float:
    """Compute the smallest shift of eps, in standard deviations, that the mean pivot detects with this power over the examples."""

    def reject(effect: float) -> Callable[[int, float], float]:
        def test(n: int, alpha: float) -> float:
            border = float(stats.norm.isf(alpha / 2))
            return float(stats.norm.sf(border - effect * math.sqrt(n)) + stats.norm.cdf(-border - effect * math.sqrt(n)))

        return test

    return _smallest(lambda effect: _detection(reject(effect), draws, level, examples), power, 5.0)


def smallest_scale_error(*, draws: int, level: float, examples: int, power: float = 0.99) -> float:
    """Compute the smallest relative error of a too large sigma that the variance pivot detects with this power over the examples."""

    def reject(effect: float) -> Callable[[int, float], float]:
        def test(n: int, alpha: float) -> float:
            factor = (1 + effect) ** 2
            upper = float(stats.chi2.sf(stats.chi2.isf(alpha / 2, n) / factor, n))
            return upper + float(stats.chi2.cdf(stats.chi2.ppf(alpha / 2, n) / factor, n))

        return test

    return _smallest(lambda effect: _detection(reject(effect), draws, level, examples), power, 5.0)
