"""The pivots of draws of shape (items, dimensions): their joint level, and the faults of noise that each of them is for."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from vae_spec.claims.noise import explain_noise, standard_normal_pivots
from vae_spec.context import derive_seed
from vae_spec.statistics.pivots import Draws

ITEMS, DIMENSIONS = 4096, 8
Noise = Callable[[np.random.Generator], Draws]


def normal(rng: np.random.Generator, items: int = ITEMS, dimensions: int = DIMENSIONS) -> Draws:
    return rng.standard_normal((items, dimensions))


def stream(*labels: object) -> np.random.Generator:
    return np.random.default_rng(derive_seed("noise", *labels))


def shared_by(lag: int, axis: int) -> Noise:
    """Noise in which half of each entry's variance is that of the entry `lag` further along the axis."""
    return lambda rng: np.sqrt(0.5) * ((u := normal(rng)) + np.roll(u, lag, axis))


def scaled_between(axis: int) -> Noise:
    """Noise of the right size in every entry, whose sizes go together along an axis: the copula of a common factor."""

    def draw(rng: np.random.Generator) -> Draws:
        common = normal(rng, *((ITEMS, 1) if axis == 1 else (ITEMS // 2, DIMENSIONS)))
        factor = common if axis == 1 else np.repeat(common, 2, 0)
        return np.asarray(np.sign(normal(rng)) * np.abs(factor))

    return draw


WRONG: dict[str, tuple[Noise, str, str]] = {
    **{f"items, {lag} apart": (shared_by(lag, 0), f"correlation between items, {lag} apart", "eps-shared") for lag in (1, 2, 3)},
    **{f"dimensions, {lag} apart": (shared_by(lag, 1), f"correlation between dimensions, {lag} apart", "eps-shared") for lag in (1, 2, 3)},
    "half a batch apart": (
        lambda rng: np.tile(normal(rng, ITEMS // 2), (2, 1)),
        f"correlation between items, {ITEMS // 2} apart",
        "eps-shared",
    ),
    "one size in an item": (scaled_between(1), "correlation of sizes between dimensions, 1 apart", "eps-shared"),
    "one size in two items": (scaled_between(0), "correlation of sizes between items, 1 apart", "eps-shared"),
    "cut off": (lambda rng: normal(rng).clip(-3, 3), "largest size", "eps-shrunk"),
    "uniform of variance 1": (
        lambda rng: rng.uniform(-np.sqrt(3), np.sqrt(3), (ITEMS, DIMENSIONS)),
        "distance of the distribution function",
        "eps-from-rand",
    ),
    "uniform on [0, 1]": (lambda rng: rng.uniform(size=(ITEMS, DIMENSIONS)), "mean", "eps-from-rand"),
    "half as wide": (lambda rng: 0.5 * normal(rng), "variance", "eps-shrunk"),
}


@pytest.mark.parametrize("fault", WRONG)
def test_wrong_noise_is_rejected_by_the_pivot_that_is_for_it_and_named(fault: str) -> None:
    noise, name, mistake = WRONG[fault]
    found = {pivot.name: pivot for pivot in standard_normal_pivots(noise(stream(fault)))}
    assert found[name].p < 1e-12
    assert explain_noise(min(found.values(), key=lambda pivot: pivot.p), [*found.values()]).mistake == mistake


def test_a_shared_size_is_seen_by_no_pivot_of_the_draws_themselves() -> None:
    """Signs of their own leave entries uncorrelated: only the pivots of sizes see what they share."""
    found = standard_normal_pivots(scaled_between(0)(stream("sizes alone")))
    assert min(pivot.p for pivot in found if pivot.name.startswith("correlation between")) > 1e-9
    assert min(pivot.p for pivot in found if pivot.name.startswith("correlation of sizes")) < 1e-12


@pytest.mark.parametrize("shape", [(64, 1), (7, 3), (32, 16)])
def test_all_pivots_together_keep_their_level(shape: tuple[int, int]) -> None:
    """A share of at most `level` of sound draws has a pivot under its part of the level."""
    level, runs = 0.1, 1500
    alarms = 0
    for run in range(runs):
        found = standard_normal_pivots(normal(stream("level", shape, run), *shape))
        alarms += min(pivot.p for pivot in found) < level / len(found)
    assert alarms / runs <= level + 4 * np.sqrt(level * (1 - level) / runs)
    assert alarms / runs > level / 4  # pivots that never alarm would keep any level


def test_each_pair_of_draws_that_is_compared_has_no_draw_twice() -> None:
    """Overlapping pairs would not be independent: a lag takes every draw once at most, and names its distance."""
    names = [pivot.name for pivot in standard_normal_pivots(normal(stream("names"), 8, 2))]
    assert [name for name in names if name.startswith("correlation between")] == [
        *(f"correlation between items, {lag} apart" for lag in (1, 2, 3, 4)),
        "correlation between dimensions, 1 apart",
    ]
