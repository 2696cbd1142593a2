"""The calibration of trained claims: statistics of sound implementations over seeds, by kind of input, made by benchmarks/calibrate.py."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from vae_spec.statistics.seeds import Rule, Side
from vae_spec.subject import Facts, InputKind, Likelihood

FILES: Mapping[InputKind, str] = MappingProxyType(
    {InputKind.IMAGE: "calibration.json", InputKind.ROW: "calibration-rows.json", InputKind.SERIES: "calibration-series.json"}
)
"""The file of each kind of input."""
DATASETS: Mapping[InputKind, str] = MappingProxyType({InputKind.IMAGE: "digits", InputKind.ROW: "rows", InputKind.SERIES: "waves"})
"""What the sound implementations of each kind were trained on."""
NEAREST = 4
"""Number of sound implementations nearest to a border whose spread between seeds is pooled. Chosen, not measured: with fewer, a single one
with little spread would decide; with more, those far away, where ratios spread widely without consequence."""


@dataclass(frozen=True)
class Spread:
    """One functional of one sound implementation: mean and standard deviation over the calibration's seeds."""

    mean: float
    sd: float


@dataclass(frozen=True)
class Scope:
    """The implementations that a rule applies to.

    Attributes:
        least_dimensions: least latent dimension.
        pixel_variance: whether a decoder may also output a variance for each entry.
        learned_scale: whether a likelihood may learn its variance; its loss keeps falling while the variance shrinks.
        untrained_cost: largest KL due to the posterior's width before training, in nats.
        most_entries: largest number of entries of an item.
        kinds: the kinds of input whose calibration bears the rule.
    """

    least_dimensions: int = 1
    pixel_variance: bool = True
    learned_scale: bool = True
    untrained_cost: float = math.inf
    most_entries: float = math.inf
    kinds: frozenset[InputKind] = frozenset(InputKind)

    def excludes(self, facts: Facts) -> str | None:
        """Return why a rule does not apply to an implementation, or None."""
        if facts.kind not in self.kinds:
            return f"its border was calibrated for {_plurals(self.kinds)} alone"
        if not self.pixel_variance and facts.likelihood is not None and facts.likelihood.own_variance:
            return "its decoder sets the variance of each entry, and with it the price of an error"
        if not self.learned_scale and facts.learned_scale:
            return "its likelihood learns its own variance: the loss keeps falling while the variance shrinks"
        if facts.untrained_cost > self.untrained_cost:
            return (
                f"its untrained posterior has sigma {facts.untrained_sigma:.2g}, which alone is {facts.untrained_cost:.3g} nats from the"
                " prior: its KL need not start small"
            )
        if facts.pixels > self.most_entries:
            return (
                f"its items have {facts.pixels} entries, and a likelihood is a sum over them: against that the KL weighs too little to show"
            )
        if facts.latent_dim < self.least_dimensions:
            return f"with {facts.latent_dim} latent dimensions so little fits into the code that its price hardly shows"
        return None

    @property
    def words(self) -> str:
        """A description of the scope; empty if a rule applies to all."""
        restrictions = {
            f"for {_plurals(self.kinds)}": self.kinds != frozenset(InputKind),
            f"from {self.least_dimensions} latent dimensions on": self.least_dimensions > 1,
            f"for items of up to {self.most_entries:g} entries": math.isfinite(self.most_entries),
            "not where the decoder sets the variance of each entry": not self.pixel_variance,
            "not for a learned variance": not self.learned_scale,
            f"only where the untrained sigma alone costs {self.untrained_cost:g} nats at most": math.isfinite(self.untrained_cost),
        }
        return ", ".join(words for words, restricts in restrictions.items() if restricts)

    def covers(self, family: Mapping[str, Any]) -> bool:
        """Return whether a rule applies to a calibrated implementation."""
        return (
            family["latent_dim"] >= self.least_dimensions
            and (self.pixel_variance or not Likelihood(family["likelihood"]).own_variance)
            and (self.learned_scale or not family["learned_scale"])
            and family["untrained_cost"] <= self.untrained_cost
            and family["entries"] <= self.most_entries
        )


def _plurals(kinds: Collection[InputKind]) -> str:
    names = {InputKind.IMAGE: "images", InputKind.ROW: "rows", InputKind.SERIES: "series"}
    return " and ".join(names[kind] for kind in names if kind in kinds)


IMAGES, ROWS, SERIES = (frozenset({kind}) for kind in (InputKind.IMAGE, InputKind.ROW, InputKind.SERIES))
NOT_IMAGES, NOT_ROWS, NOT_SERIES = (frozenset(InputKind) - kinds for kinds in (IMAGES, ROWS, SERIES))
EVERYWHERE = Scope()
NO_PIXEL_VARIANCE = Scope(pixel_variance=False)
FIXED_SCALE = Scope(learned_scale=False)
FROM_PRIOR = Scope(untrained_cost=4.0)
"""Posteriors that start near the prior, as with a log-variance. A head that outputs sigma starts near 0, and its KL may only fall."""
MOST_ENTRIES = 1024
"""Image size up to which the KL at weight 1 affects images as at 28x28; beyond, the likelihood's sum over entries outweighs it.

Against its autoencoder one convolutional VAE on 3x32x32 loses 2 ± 2 % of detail, another 14 ± 8 %; at 28x28 such a VAE loses 14 ± 2 %."""
MODERATE_ENTRIES = Scope(most_entries=MOST_ENTRIES)
MODERATE = Scope(pixel_variance=False, most_entries=MOST_ENTRIES)
MODERATE_PAIRED = Scope(least_dimensions=5, pixel_variance=False, most_entries=MOST_ENTRIES)
PAIRED = Scope(least_dimensions=5, pixel_variance=False)
"""Implementations whose images show the cost of the KL, as most comparisons of paired trainings require.

Against its autoencoder every calibrated one with five or more dimensions has at least 11 % less detail; one with four has 4 % less, and
one with a single dimension 2 % more and less plausible prior samples."""
PAIRED_IMAGES_AND_ROWS = replace(PAIRED, kinds=NOT_SERIES)
"""From the autoencoder of a sound VAE of series, samples may be nearly as plausible: 0.46 of the data covered, beside 0.65."""


@cache
def _content(kind: InputKind) -> Mapping[str, Any]:
    content: Mapping[str, Any] = json.loads(files("vae_spec").joinpath(FILES[kind]).read_text(encoding="utf-8"))
    return content


@cache
def calibration(kind: InputKind = InputKind.IMAGE) -> Mapping[str, Mapping[str, Spread]]:
    """Return the spread by functional and sound implementation of this kind of input."""
    return {
        functional: {name: Spread(**values) for name, values in by_name.items()}
        for functional, by_name in _content(kind)["functionals"].items()
    }


def families(functional: str, scope: Scope = EVERYWHERE, kind: InputKind = InputKind.IMAGE) -> Mapping[str, Spread]:
    """Return the spread of a functional by sound implementation of this kind of input, within a scope."""
    known = _content(kind)["families"]
    return {name: spread for name, spread in calibration(kind)[functional].items() if scope.covers(known[name])}


def seed_spread(functional: str, bound: float, side: Side, scope: Scope = EVERYWHERE, kind: InputKind = InputKind.IMAGE) -> float:
    """Return the standard deviation between seeds near a border, pooled over the sound implementations nearest to it.

    Those far away are uninformative: a ratio to a value near 0 spreads widely without consequence.
    """
    sign = 1 if side is Side.ABOVE else -1
    nearest = sorted(families(functional, scope, kind).values(), key=lambda one: sign * (one.mean - bound))[:NEAREST]
    return float((sum(one.sd**2 for one in nearest) / len(nearest)) ** 0.5)


def rule(functional: str, bound: float, side: Side, scope: Scope = EVERYWHERE, kind: InputKind = InputKind.IMAGE) -> Rule:
    """Return a rule on a functional or a comparison, with its spread as calibrated for this kind of input."""
    return Rule(functional, bound, side, max(seed_spread(functional, bound, side, scope, kind), 1e-9))
