"""The numbers that are taken from a run: of its curves, and of what was seen of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import pytest
from evidence_samples import observations

from vae_spec.evidence import HeldOut, Recipe, Stationarity, TrainedRun
from vae_spec.statistics import functionals
from vae_spec.statistics.functionals import FUNCTIONALS, active_units

# curves -------------------------------------------------------------------------------------------

LINE = np.linspace(100.0, 1.0, 100)
FAST = np.where(np.arange(100) < 5, 100.0, 10.0)


def test_start_end_and_drop() -> None:
    assert functionals.start(LINE) == 100.0
    assert functionals.end(LINE) == pytest.approx(5.5)
    assert functionals.end(LINE, 0.02) == pytest.approx(1.5)
    assert functionals.end(np.asarray([3.0, 1.0])) == 1.0
    assert functionals.drop(LINE) == pytest.approx(94.5)
    assert functionals.drop(LINE[::-1]) == pytest.approx(1 - 95.5)


def test_the_early_share_tells_fast_from_steady() -> None:
    assert functionals.early_share(FAST) == pytest.approx(1.0)
    assert functionals.early_share(LINE) == pytest.approx(9.5 / 94.5)
    assert functionals.early_share(LINE, 0.5) == pytest.approx(49.5 / 94.5)
    assert math.isnan(functionals.early_share(LINE[::-1]))
    assert math.isnan(functionals.early_share(np.ones(50)))


def test_the_late_change_is_between_the_last_two_fifths() -> None:
    steps = np.repeat([9.0, 8.0, 7.0, 5.0, 6.5], 20)
    assert functionals.late_change(steps) == 1.5
    assert functionals.late_change(-steps) == 1.5
    assert functionals.late_change(np.concatenate([100 * np.ones(60), steps[60:]])) == 1.5


def test_the_correlation_of_curves() -> None:
    assert functionals.correlation(LINE, 3 * LINE - 1) == pytest.approx(1.0)
    assert functionals.correlation(LINE, -LINE) == pytest.approx(-1.0)
    assert math.isnan(functionals.correlation(LINE, np.ones(100)))


# functionals --------------------------------------------------------------------------------------

HELD_OUT = HeldOut(
    items=100,
    r2=0.7,
    r2_shuffled=-0.2,
    r2_mean_code=0.75,
    kl_per_dim=np.asarray([2.0, 1.0, 0.0, 0.25]),
    mu_variance=np.asarray([1e-4, 0.9, 0.3, 0.01]),
    reported_kl=6.5,
    analytic_kl=3.25,
    reconstruction=20.0,
)
RUN = TrainedRun(
    recipe=Recipe("digits", steps=100, batch=32, learning_rate=1e-3),
    total=np.linspace(50.0, 30.0, 100),
    reconstruction=np.where(np.arange(100) < 5, 49.0, 25.0),
    kl=np.ones(100),
    analytic_kl=np.linspace(0.5, 3.0, 100),
    held_out=HELD_OUT,
    stationarity=Stationarity(beta=2.0, standard_error=0.1, kl=3.0, items=500),
    observations=observations(),
)
LOOKED_AT: Mapping[str, float] = {
    "sharpness over the originals'": 0.0059 / 0.0069,
    "high frequencies over the originals'": 6.0 / 9.1,
    "log of prior coverage over the data's": math.log(0.601 / 0.96),
    "log of the samples' detail over the data's": math.log(0.0067 / 0.0069),
    "posterior variance in the narrowest dimension": 0.0,
    "entropy of the samples' classes": 0.98,
    "share of classes that samples show": 1.0,
    "distance of samples to training over held-out items": 0.94,
    "label accuracy of neighbouring means over chance": 0.85 / 0.88,
    "log of the codes' variance": math.log(1.03),
    "connected parts of the means": 1.0,
    "share of means beside another class": 0.46,
    "second difference over the mean step": 0.24,
    "mid-path density over the ends'": 0.73 / 1.19,
    "mid-path density over the cross-fade's": 0.73 / 0.59,
}
EARLY, LATE = 0.5 + 2.5 / 99 * 9.5, 0.5 + 2.5 / 99 * 94.5
ABOVE = "negative ELBO of held-out items above the training's, share of its drop"
EXPECTED: Mapping[str, float] = {
    "held-out R2": 0.7,
    "held-out R2 from mu": 0.75,
    "R2 lost to another item's code": 0.9,
    "log10 of the activity needed": math.log10(0.3),
    "active units": 2.0,
    "held-out KL, nats": 3.25,
    "log of reported over analytic KL": math.log(2),
    "log of the effective beta": math.log(2),
    "share of the drop in the first tenth": 1.0,
    "KL at the start, nats": 0.5,
    "KL at the end, nats": float(RUN.analytic_kl[-10:].mean()),
    "KL at the start over the end": 0.5 / float(RUN.analytic_kl[-10:].mean()),
    "late change of the KL over the loss's drop": (20 * 2.5 / 99) / (50 - float(RUN.total[-10:].mean())),
    "late change of the loss over its drop": (20 * 20 / 99) / (50 - float(RUN.total[-10:].mean())),
    "KL over the reconstruction's drop": float(RUN.analytic_kl[-10:].mean()) / 24,
    "log of the KL's early peak over its value after a tenth of the steps": math.log((0.5 + 2.5 / 99 * 9) / EARLY),
    "log of the KL at the end over that after a tenth of the steps": math.log(LATE / EARLY),
    ABOVE: (20 + 3.25 - 25 - LATE) / 24,
    "correlation of the loss with its reconstruction": float(np.corrcoef(RUN.total, RUN.reconstruction)[0, 1]),
    "relative drop of the reconstruction beyond the loss's": float(RUN.total[-10:].mean()) / 50 - 25 / 49,
    **LOOKED_AT,
}


def test_every_functional_on_a_run_made_by_hand() -> None:
    assert {name: of(RUN) for name, of in FUNCTIONALS.items()} == pytest.approx(EXPECTED)


SEEN = {
    "held-out R2",
    "held-out R2 from mu",
    "R2 lost to another item's code",
    "log10 of the activity needed",
    "active units",
    "held-out KL, nats",
    "log of reported over analytic KL",
}
ALONG = set(EXPECTED) - SEEN - set(LOOKED_AT) - {"log of the effective beta"}


@pytest.mark.parametrize(
    ("change", "without"),
    [
        ({"held_out": None}, SEEN | {ABOVE}),
        ({"stationarity": None}, {"log of the effective beta"}),
        ({"observations": None}, set(LOOKED_AT)),
        ({"diverged_at": 40}, ALONG),
        ({name: np.ones(9) for name in ("total", "reconstruction", "kl", "analytic_kl")}, ALONG),
    ],
)
def test_what_was_not_seen_is_not_a_number(change: dict[str, object], without: set[str]) -> None:
    run = replace(RUN, **change)
    assert {name for name, of in FUNCTIONALS.items() if math.isnan(of(run))} == without


@pytest.mark.parametrize(
    ("functional", "run"),
    [
        ("log of reported over analytic KL", replace(RUN, held_out=replace(HELD_OUT, reported_kl=-6.5))),
        ("log of reported over analytic KL", replace(RUN, held_out=replace(HELD_OUT, analytic_kl=0.0))),
        ("log of the effective beta", replace(RUN, stationarity=Stationarity(-0.2, 0.1, 3.0, 500))),
    ],
)
def test_a_logarithm_of_nothing_is_not_a_number(functional: str, run: TrainedRun) -> None:
    assert math.isnan(FUNCTIONALS[functional](run))


@pytest.mark.parametrize(
    ("variances", "needed", "active"),
    [
        ([0.5], 0.5, 1),
        ([0.5, 1e-6], 0.5, 1),
        ([0.2, 0.5, 1e-6], 0.2, 2),
        ([0.0, 0.0, 0.0], 1e-30, 0),
        ([0.01, 0.010001, 0.5], 0.010001, 2),
    ],
)
def test_one_active_dimension_is_enough_for_one_or_two(variances: list[float], needed: float, active: int) -> None:
    seen = replace(HELD_OUT, mu_variance=np.asarray(variances))
    assert FUNCTIONALS["log10 of the activity needed"](replace(RUN, held_out=seen)) == pytest.approx(math.log10(needed))
    assert active_units(seen) == active


def test_a_loss_that_rises_makes_ratios_huge_rather_than_small() -> None:
    rising = replace(RUN, total=np.linspace(10, 50, 100), reconstruction=np.linspace(10, 50, 100))
    ratios: list[Callable[[TrainedRun], float]] = [
        FUNCTIONALS[name]
        for name in (
            "late change of the KL over the loss's drop",
            "late change of the loss over its drop",
            "KL over the reconstruction's drop",
        )
    ]
    assert all(ratio(rising) > 1e6 for ratio in ratios)


def test_the_posterior_variance_is_that_of_draws_around_their_means_in_the_narrowest_dimension() -> None:
    seen = observations()
    means, codes = np.zeros((4, 2)), np.asarray([[0.1, 1.0], [-0.1, -1.0], [0.3, 1.0], [-0.3, -1.0]])
    drawn = replace(RUN, observations=replace(seen, pictures=replace(seen.pictures, means=means, codes=codes)))
    assert FUNCTIONALS["posterior variance in the narrowest dimension"](drawn) == pytest.approx(0.05)
