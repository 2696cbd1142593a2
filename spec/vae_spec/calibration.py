"""The calibration that trained claims rest on: what sound implementations measure, over seeds, made by benchmarks/calibrate.py."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from vae_spec.statistics.seeds import Rule, Side


@dataclass(frozen=True)
class Spread:
    """One functional of one sound implementation: mean and standard deviation over the calibration's seeds."""

    mean: float
    sd: float


@cache
def calibration() -> Mapping[str, Mapping[str, Spread]]:
    """Functional -> sound implementation -> spread."""
    content = json.loads(files("vae_spec").joinpath("calibration.json").read_text(encoding="utf-8"))
    return {
        functional: {name: Spread(**values) for name, values in by_name.items()} for functional, by_name in content["functionals"].items()
    }


def seed_spread(functional: str) -> float:
    """The pooled standard deviation between seeds over all sound implementations: the root of the mean variance."""
    spreads = calibration()[functional].values()
    return float((sum(one.sd**2 for one in spreads) / len(spreads)) ** 0.5)


def rule(functional: str, bound: float, side: Side) -> Rule:
    """A rule on a functional, with its calibrated spread."""
    return Rule(functional, bound, side, max(seed_spread(functional), 1e-9))
