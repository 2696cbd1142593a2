"""Bounds of trained claims on a number measured in each run, with the reason for each border, and their descriptions."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby

from vae_spec.calibration import EVERYWHERE, Scope, rule
from vae_spec.evidence import Arm, Group
from vae_spec.statistics.comparisons import COMPARISONS
from vae_spec.statistics.functionals import CURVES, FUNCTIONALS
from vae_spec.statistics.seeds import LOOKS, Rule, SeedDecision, Side, decide
from vae_spec.subject import Facts

CALIBRATED = "sound: the calibration of its kind of input, within the bound's scope; numbers: images; broken: the catalogue's own, one seed"
"""Default source of the measured numbers on either side of a border on a calibrated statistic."""
LAB = "sound: 20 seeds of each of three sound implementations; broken: the catalogue's own for points, two seeds"
"""The same for a statistic of the tiny lab, with its own measure and spread."""

Measure = Callable[[Group, Facts], float]


@dataclass(frozen=True)
class Scaling:
    """How a border scales with the size of an implementation: a factor, and its description."""

    words: str
    factor: Callable[[Facts], float]


@dataclass(frozen=True)
class Bound:
    """A border on one number a run, or a group of paired runs.

    Attributes:
        statistic: the name of the number: a functional, a comparison, or that of `measure`.
        value: the border; if `log` is set, that of the number whose logarithm the statistic is.
        because: the measured numbers between which the border lies.
        side: the side on which healthy values lie.
        source: where these were measured; `CALIBRATED` or `LAB` by default.
        scope: the implementations that it applies to, whose spread between seeds decides it.
        log: whether the statistic is a logarithm and `value` is given before taking it.
        scaling: how the border scales with an implementation's size, if it does.
        measure: returns the number of one group, if the statistic is not a calibrated one.
        spread: its standard deviation between seeds; required with a `measure`.

    Raises:
        ValueError: the statistic is unknown, or a measure comes without its spread.
    """

    statistic: str
    value: float
    because: str
    side: Side
    source: str = ""
    scope: Scope = EVERYWHERE
    log: bool = False
    scaling: Scaling | None = None
    measure: Measure | None = None
    spread: float | None = None

    def __post_init__(self) -> None:
        if (self.measure is None) != (self.spread is None):
            raise ValueError(f"{self.statistic}: a measure of its own and the spread between seeds come together")
        if self.measure is None and self.statistic not in COMPARISONS and self.statistic not in FUNCTIONALS:
            raise ValueError(f"{self.statistic!r} is neither a functional nor a comparison")
        if not self.source:
            object.__setattr__(self, "source", CALIBRATED if self.measure is None else LAB)

    @property
    def takes_a_training(self) -> bool:
        """Whether it needs a training and not only the weights of a trained model."""
        return self.measure is not None or self.statistic in COMPARISONS or self.statistic in CURVES

    def border(self, facts: Facts) -> float:
        """Return the border on the statistic for an implementation with these facts."""
        value = math.log(self.value) if self.log else self.value
        return value if self.scaling is None else value * self.scaling.factor(facts)

    def rule(self, facts: Facts) -> Rule:
        """Return the rule that decides over seeds."""
        border = self.border(facts)
        if self.spread is not None:
            return Rule(self.statistic, border, self.side, self.spread)
        return rule(self.statistic, border, self.side, self.scope, facts.kind)

    def values(self, groups: Sequence[Group], facts: Facts) -> list[float]:
        """Return the number of each group."""
        if self.measure is not None:
            return [self.measure(group, facts) for group in groups]
        if self.statistic in COMPARISONS:
            return [COMPARISONS[self.statistic](group) for group in groups]
        return [FUNCTIONALS[self.statistic](group[Arm.OWN]) for group in groups]

    def decide(self, groups: Sequence[Group], facts: Facts) -> SeedDecision:
        """Return the decision over the seeds so far."""
        return decide(self.values(groups, facts), self.rule(facts))

    def decide_shifted(self, groups: Sequence[Group], facts: Facts, by: float, name: str) -> SeedDecision:
        """Return the decision on the number minus a known shift (log of a declared weight, say), under another name."""
        return decide([value - by for value in self.values(groups, facts)], replace(self.rule(facts), name=name))

    @property
    def number(self) -> str:
        """The border as shown in formulas and sentences."""
        return f"{self.value:g}".replace("-", "−")


above = partial(Bound, side=Side.ABOVE)
"""Makes a bound above which healthy values lie."""
below = partial(Bound, side=Side.BELOW)
"""Makes a bound below which healthy values lie."""


def between(statistic: str, low: float, high: float, because: str, *, scope: Scope = EVERYWHERE, log: bool = False) -> tuple[Bound, Bound]:
    """Return two bounds between which healthy values lie."""
    lower = above(statistic, low, because, scope=scope, log=log)
    return lower, replace(lower, value=high, side=Side.BELOW)


def decision(bounds: Sequence[Bound], measured: str, *, paired: bool) -> str:
    """Describe how bounds are decided.

    `measured` says how the numbers are measured, and may be empty; `paired` whether they compare paired trainings.
    """
    parts: list[str] = []
    for scope, alike in groupby(bounds, key=lambda bound: bound.scope):
        words = [_words(list(found)) for _name, found in groupby(alike, key=lambda bound: bound.statistic)]
        if scope.words:
            words[-1] += f" ({'' if len(words) == 1 else 'both ' if len(words) == 2 else 'all '}{scope.words})"
        parts += words
    *few, most = LOOKS
    seeds = f"{', paired by seed' if paired else ''}, over {', '.join(map(str, few))} or {most} seeds"
    return "; ".join(filter(None, ("; ".join(parts) + seeds, measured)))


def _words(bounds: Sequence[Bound]) -> str:
    """Describe the bounds on one statistic."""
    first = bounds[0]
    named = first.statistic.removeprefix("log of the ").removeprefix("log of ") if first.log else first.statistic
    borders = " and ".join(f"{'>' if bound.side is Side.ABOVE else '<'} {bound.value:g}" for bound in bounds)
    besides = [first.scaling.words] if first.scaling is not None else []
    besides += [f"spread {first.spread:g}"] if first.spread is not None else []
    return f"{named} {borders}" + (f" ({', '.join(besides)})" if besides else "")
