"""Bounds: what a trained claim asks of a number measured in each run, with the reason for the border, and the texts that follow from it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from vae_spec.calibration import EVERYWHERE, Scope, rule
from vae_spec.evidence import Arm, Group
from vae_spec.statistics.comparisons import COMPARISONS
from vae_spec.statistics.functionals import CURVES, FUNCTIONALS
from vae_spec.statistics.seeds import LOOKS, Rule, SeedDecision, Side, decide
from vae_spec.subject import Facts

CALIBRATED = "sound implementations: calibration.json; broken ones: the catalogue, one seed"
"""Where the numbers come from between which a border lies, unless its bound says otherwise."""

Measure = Callable[[Group, Facts], float]


@dataclass(frozen=True)
class Scaling:
    """How a border moves with the size of an implementation: the factor on it, and in words."""

    words: str
    factor: Callable[[Facts], float]


@dataclass(frozen=True)
class Bound:
    """One border on one number a run, or a group of paired runs.

    Attributes:
        statistic: the name of the number: a functional, a comparison, or that of `measure`.
        value: the border; of the number itself where it is a logarithm and `log` is set.
        side: where a healthy value lies.
        because: between which measured numbers the border lies.
        source: where those were measured.
        scope: the implementations that it is asked of, by whose spread between seeds it is decided.
        log: whether the statistic is the logarithm of what the border is given for.
        scaling: how the border moves with an implementation's size, if it does.
        measure: the number of one group, where the statistic is not a calibrated one.
        spread: its standard deviation between seeds, which comes with a `measure`.

    Raises:
        ValueError: the statistic is unknown, or a measure comes without its spread.
    """

    statistic: str
    value: float
    side: Side
    because: str
    source: str = CALIBRATED
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

    @property
    def takes_a_training(self) -> bool:
        """Whether the weights of one trained model cannot answer it."""
        return self.measure is not None or self.statistic in COMPARISONS or self.statistic in CURVES

    def border(self, facts: Facts) -> float:
        """The border on the statistic, for an implementation with these facts."""
        value = math.log(self.value) if self.log else self.value
        return value if self.scaling is None else value * self.scaling.factor(facts)

    def rule(self, facts: Facts) -> Rule:
        """The rule by which seeds are decided."""
        border = self.border(facts)
        if self.spread is not None:
            return Rule(self.statistic, border, self.side, self.spread)
        return rule(self.statistic, border, self.side, self.scope)

    def values(self, groups: Sequence[Group], facts: Facts) -> list[float]:
        """The number of each group."""
        if self.measure is not None:
            return [self.measure(group, facts) for group in groups]
        if self.statistic in COMPARISONS:
            return [COMPARISONS[self.statistic](group) for group in groups]
        return [FUNCTIONALS[self.statistic](group[Arm.OWN]) for group in groups]

    def decide(self, groups: Sequence[Group], facts: Facts) -> SeedDecision:
        """What the seeds at hand say."""
        return decide(self.values(groups, facts), self.rule(facts))

    def decide_shifted(self, groups: Sequence[Group], facts: Facts, by: float, name: str) -> SeedDecision:
        """The same of the number less a known shift (the logarithm of a declared weight, say), under another name."""
        return decide([value - by for value in self.values(groups, facts)], replace(self.rule(facts), name=name))

    @property
    def number(self) -> str:
        """The border as formulas and sentences show it."""
        return f"{self.value:g}".replace("-", "−")


def above(statistic: str, value: float, **known: object) -> Bound:
    """A border above which healthy values lie; `known` are the other attributes of a `Bound`."""
    return Bound(statistic, value, Side.ABOVE, **known)  # type: ignore[arg-type]


def below(statistic: str, value: float, **known: object) -> Bound:
    """A border below which healthy values lie; `known` are the other attributes of a `Bound`."""
    return Bound(statistic, value, Side.BELOW, **known)  # type: ignore[arg-type]


def between(statistic: str, low: float, high: float, **known: object) -> tuple[Bound, Bound]:
    """Two borders between which healthy values lie."""
    return above(statistic, low, **known), below(statistic, high, **known)


def decision(bounds: Sequence[Bound], measured: str, *, paired: bool) -> str:
    """How bounds are decided, in one sentence.

    Args:
        bounds: at least one.
        measured: how the numbers are measured, in words; may be empty.
        paired: whether they compare paired trainings.
    """
    shared = bounds[0].scope.words if len({bound.scope for bound in bounds}) == 1 else ""
    parts: list[str] = []
    for place, bound in enumerate(bounds):
        text = f"{bound.side} {bound.value:g}"
        if bound.scaling is not None:
            text += f" ({bound.scaling.words})"
        if place and bounds[place - 1].statistic == bound.statistic:
            parts[-1] += f" and {text}"
            continue
        named = bound.statistic.removeprefix("log of the ").removeprefix("log of ") if bound.log else bound.statistic
        parts.append(f"{named} {text}")
        if bound.scope.words and not shared:
            parts[-1] += f" ({bound.scope.words})"
    words = "; ".join(filter(None, (", ".join(parts), shared, measured)))
    *few, most = LOOKS
    return f"{words}{'; paired by seed' if paired else ''}, over {', '.join(map(str, few))} or {most} seeds"
