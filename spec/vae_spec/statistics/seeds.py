"""Decisions over seeds: one number per run, a bound, the spread between seeds, and the level split over the looks.

The unit is the seed, never the step: steps are autocorrelated, seeds are independent. The spread is calibrated, because so few seeds cannot
estimate it; if the observed spread is larger, it is used instead.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import scipy

from vae_spec.outcomes import Number, Outcome, Verdict

LOOKS = (2, 3, 6, 10)
"""The numbers of seeds used at successive looks, while the outcome is open."""
LEVEL = 1e-3
"""The one-sided level of all looks together, under the calibrated spread."""


class Side(StrEnum):
    """The side of the bound on which a healthy value lies."""

    ABOVE = "above"
    BELOW = "below"


@dataclass(frozen=True)
class Rule:
    """One bound on one number per run.

    Attributes:
        name: name of the number, with its unit.
        bound: the bound.
        side: the side on which a healthy value lies.
        spread: the calibrated standard deviation between seeds, that of the most variable correct implementation measured.
    """

    name: str
    bound: float
    side: Side
    spread: float


@dataclass(frozen=True)
class SeedDecision:
    """The decision on one rule."""

    rule: Rule
    outcome: Outcome
    mean: float
    standard_error: float
    seeds: int

    @property
    def _over(self) -> str:
        return f"over {self.seeds} seeds" if self.seeds > 1 else "of one model, by the calibrated spread between seeds"

    def describe(self) -> str:
        """Describe the number in words."""
        relation = "<=" if self.rule.side is Side.ABOVE else ">="
        expected = "more than" if self.rule.side is Side.ABOVE else "less than"
        if math.isnan(self.mean):
            return f"{self.rule.name} is no finite number {self._over}; {expected} {self.rule.bound:g} is expected"
        if self.outcome is Outcome.VIOLATED:
            return f"{self.rule.name} is {self.mean:.4g} ± {self.standard_error:.2g} {self._over}, {relation} {self.rule.bound:g}"
        return f"{self.rule.name} {self.mean:.4g} ± {self.standard_error:.2g} ({expected} {self.rule.bound:g} expected)"


def decide(values: Sequence[float], rule: Rule) -> SeedDecision:
    """Decide one rule from the values of the seeds so far. A value that is not finite violates the rule.

    The mean decides, under the larger of the calibrated and the observed spread. Seeds also decide if each of them alone lies beyond the
    bound under the calibrated spread, regardless of their spread.
    """
    n = len(values)
    array = np.asarray(values, dtype=float)
    if not np.isfinite(array).all():
        return SeedDecision(rule, Outcome.VIOLATED, math.nan, math.nan, n)
    mean = float(array.mean())
    spread = max(rule.spread, float(array.std(ddof=1))) if n > 1 else rule.spread
    error = spread / math.sqrt(n)
    quantile = -float(scipy.special.ndtri(LEVEL / len(LOOKS)))
    sign = 1 if rule.side is Side.ABOVE else -1
    distance, each = sign * (mean - rule.bound), sign * (array - rule.bound)
    if distance > quantile * error or bool((each > quantile * rule.spread).all()):
        outcome = Outcome.HOLDS
    elif distance < -quantile * error or bool((each < -quantile * rule.spread).all()):
        outcome = Outcome.VIOLATED
    else:
        outcome = Outcome.INCONCLUSIVE
    return SeedDecision(rule, outcome, mean, error, n)


def combine(decisions: Sequence[SeedDecision], *, conclusion: str, diagnosis: str | None = None) -> Verdict:
    """Combine the decisions on several rules into one verdict: violated if any is, holds if all do, otherwise inconclusive.

    `conclusion` is true if all rules hold; `diagnosis` is what a violation points to, unless no violating value is finite.
    """
    measured: dict[str, Number] = {}
    expected: dict[str, Number] = {}
    for one in decisions:
        measured[one.rule.name] = one.mean
        measured[f"{one.rule.name}, standard error"] = one.standard_error
        border = f"{'>' if one.rule.side is Side.ABOVE else '<'} {one.rule.bound:g}"
        expected[one.rule.name] = f"{expected[one.rule.name]} and {border}" if one.rule.name in expected else border
    measured["seeds"] = min(one.seeds for one in decisions)
    broken = [one for one in decisions if one.outcome is Outcome.VIOLATED]
    if broken:
        named = diagnosis if any(math.isfinite(one.mean) for one in broken) else None
        return Verdict(Outcome.VIOLATED, "\n".join(one.describe() for one in broken), measured, expected, diagnosis=named)
    open_ = [one for one in decisions if one.outcome is Outcome.INCONCLUSIVE]
    if open_:
        return Verdict(
            Outcome.INCONCLUSIVE, "too near the border to say: " + "; ".join(one.describe() for one in open_), measured, expected
        )
    margin = min(abs(one.mean - one.rule.bound) / one.rule.spread for one in decisions)
    words = f"{conclusion}: " + "; ".join(one.describe() for one in decisions)
    return Verdict(
        Outcome.HOLDS,
        words,
        measured,
        expected,
        smallest_effect=f"{margin:.0f} calibrated standard deviations away from the border",
    )
