"""What a trained claim measured of each seed, beside what calibrated sound implementations measure: as numbers and as places on a line."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from vae_conformance.runner.events import FoundImplementation
from vae_spec.calibration import Scope, Spread, families
from vae_spec.evidence import Arm, Group
from vae_spec.outcomes import Number
from vae_spec.statistics.comparisons import COMPARISONS
from vae_spec.statistics.functionals import FUNCTIONALS
from vae_spec.subject import Likelihood

_BORDER = re.compile(r"([<>]) (-?[\d.]+(?:e[+-]?\d+)?)")
_MARGIN = 0.05
_ENOUGH_DIMENSIONS = 5


@dataclass(frozen=True)
class Mark:
    """A value and its place on the line, from 0 at its left end to 1."""

    value: float
    place: float


@dataclass(frozen=True)
class Border:
    """A bound, its place, and whether healthy values lie above it."""

    value: float
    place: float
    above: bool


@dataclass(frozen=True)
class Strip:
    """One statistic of one claim.

    Attributes:
        name: of the statistic, with its unit.
        seeds: one mark a seed.
        sound: the means of calibrated sound implementations.
        low, high: where healthy values lie: from the least mean less its standard deviation to the largest plus its own.
        borders: the claim's own.
    """

    name: str
    seeds: tuple[Mark, ...]
    sound: tuple[Mark, ...]
    low: Mark
    high: Mark
    borders: tuple[Border, ...]


def alike(implementation: FoundImplementation | None) -> Scope:
    """The calibrated implementations that a subject is to be compared with.

    Those without a learned variance, unless it has one itself; those with enough latent dimensions for the price of the code to show, if it
    has as many.
    """
    named, dimensions = (None, 0) if implementation is None else (implementation.likelihood, implementation.latent_dim)
    learned = named in list(Likelihood) and Likelihood(named).own_variance
    enough = dimensions >= _ENOUGH_DIMENSIONS
    return Scope(least_dimensions=_ENOUGH_DIMENSIONS if enough else 1, pixel_variance=learned, learned_scale=learned)


def strips(groups: Sequence[Group], expected: Mapping[str, Number], scope: Scope) -> list[Strip]:
    """A strip for each calibrated statistic that a claim set a bound to.

    Args:
        groups: the runs that the claim looked at, one group a seed.
        expected: the bounds, by statistic, as the verdict has them.
        scope: which calibrated implementations to show.
    """
    found = ((name, _values(name, groups), _borders(text)) for name, text in expected.items())
    return [strip(name, values, borders, families(name, scope).values()) for name, values, borders in found if values and borders]


def _values(name: str, groups: Sequence[Group]) -> list[float]:
    """The statistic of every seed where it is finite."""
    if name in COMPARISONS:
        values = [COMPARISONS[name](group) for group in groups]
    elif name in FUNCTIONALS:
        values = [FUNCTIONALS[name](group[str(Arm.OWN)]) for group in groups if str(Arm.OWN) in group]
    else:
        return []
    return [value for value in values if math.isfinite(value)]


def _borders(text: Number) -> list[tuple[float, bool]]:
    return [(float(bound), sign == ">") for sign, bound in _BORDER.findall(str(text))]


def strip(name: str, values: Sequence[float], borders: Sequence[tuple[float, bool]], sound: Iterable[Spread]) -> Strip:
    """A statistic's values, borders and calibrated spreads, with their places on one line.

    Args:
        name: of the statistic, with its unit.
        values: one a seed; there may be none.
        borders: each bound, and whether healthy values lie above it.
        sound: what sound implementations measure; one at least is finite.
    """
    spreads = [spread for spread in sound if math.isfinite(spread.mean) and math.isfinite(spread.sd)]
    low, high = min(one.mean - one.sd for one in spreads), max(one.mean + one.sd for one in spreads)
    everything = [*values, low, high, *(bound for bound, _above in borders)]
    start, length = min(everything), max(max(everything) - min(everything), 1e-9)

    def place(value: float) -> float:
        return _MARGIN + (1 - 2 * _MARGIN) * (value - start) / length

    return Strip(
        name,
        tuple(Mark(value, place(value)) for value in values),
        tuple(Mark(one.mean, place(one.mean)) for one in spreads),
        Mark(low, place(low)),
        Mark(high, place(high)),
        tuple(Border(bound, place(bound), above) for bound, above in borders),
    )
