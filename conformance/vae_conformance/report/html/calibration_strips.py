"""Strips that compare the statistics of a trained claim, one value per seed, with those of calibrated sound implementations."""

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
from vae_spec.subject import InputKind, Likelihood

_BORDER = re.compile(r"([<>]) (-?[\d.]+(?:e[+-]?\d+)?)")
_MARGIN = 0.05
_ENOUGH_DIMENSIONS = 5


@dataclass(frozen=True)
class Mark:
    """A value and its position on the line, from 0 (left) to 1 (right)."""

    value: float
    place: float


@dataclass(frozen=True)
class Border:
    """A bound, its position on the line, and whether healthy values lie above it."""

    value: float
    place: float
    above: bool


@dataclass(frozen=True)
class Strip:
    """The values of one statistic of one claim, laid out on a line.

    Attributes:
        name: the statistic's name, with its unit.
        seeds: one mark per seed.
        sound: the means of calibrated sound implementations.
        low, high: the healthy range: from the smallest to the largest of the means, each extended by its standard deviation.
        borders: the claim's bounds.
    """

    name: str
    seeds: tuple[Mark, ...]
    sound: tuple[Mark, ...]
    low: Mark
    high: Mark
    borders: tuple[Border, ...]


def alike(implementation: FoundImplementation | None) -> Scope:
    """Return the scope of the calibrated implementations that a subject is compared with.

    Implementations with a learned variance are included only if the subject has one. If the subject has enough latent dimensions for the
    KL to matter, so must they.
    """
    named, dimensions = (None, 0) if implementation is None else (implementation.likelihood, implementation.latent_dim)
    learned = named in list(Likelihood) and Likelihood(named).own_variance
    enough = dimensions >= _ENOUGH_DIMENSIONS
    return Scope(least_dimensions=_ENOUGH_DIMENSIONS if enough else 1, pixel_variance=learned, learned_scale=learned)


def strips(groups: Sequence[Group], expected: Mapping[str, Number], scope: Scope, kind: InputKind = InputKind.IMAGE) -> list[Strip]:
    """Return a strip for each calibrated statistic for which the claim has a bound.

    `expected` holds the verdict's bounds by statistic; `kind` is the kind of input whose calibration is shown.
    """
    found = ((name, _values(name, groups), _borders(text)) for name, text in expected.items())
    return [strip(name, values, borders, families(name, scope, kind).values()) for name, values, borders in found if values and borders]


def _values(name: str, groups: Sequence[Group]) -> list[float]:
    """Return the finite values of a statistic, one per seed."""
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
    """Lay out a statistic's values, bounds and calibrated spreads on one line.

    Args:
        name: the statistic's name, with its unit.
        values: one per seed; may be empty.
        borders: each bound, and whether healthy values lie above it.
        sound: the spreads of sound implementations, at least one of them finite.
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
