"""Fidelity, classes, nearest items, energy distance: closed forms, known laws, and each one's known fault."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from vae_spec.context import derive_seed
from vae_spec.statistics.samples import (
    Balls,
    Points,
    class_use,
    energy_distance,
    fidelity,
    nearest,
)

quick = settings(max_examples=40, deadline=None, database=None, derandomize=True)
sizes = st.tuples(st.integers(7, 30), st.integers(7, 30), st.integers(1, 4))


def generator(*labels: object) -> np.random.Generator:
    return np.random.default_rng(derive_seed("samples", *labels))


def normals(items: int, features: int, *labels: object) -> Points:
    return generator(items, features, *labels).standard_normal((items, features))


@pytest.mark.parametrize("points", [normals(40, 3), normals(40, 1), np.zeros((12, 2)), np.repeat(normals(3, 2), 10, axis=0)])
def test_identical_sets_cover_each_other(points: Points) -> None:
    found = fidelity(points, points)
    assert found.coverage == 1.0
    assert found.density >= 1.0


def test_disjoint_sets_share_nothing() -> None:
    found = fidelity(normals(30, 2, "here"), normals(50, 2, "there") + 100)
    assert (found.density, found.coverage) == (0.0, 0.0)


def test_balls_on_a_line_by_hand() -> None:
    real = np.asarray([[0.0], [1.0], [3.0], [7.0]])
    balls = Balls.around(real, k=2)
    assert balls.radii.tolist() == [3.0, 2.0, 3.0, 6.0]
    assert balls.hold(np.asarray([[-3.0], [2.5], [20.0]])).tolist() == [
        [True, True, False],
        [False, True, False],
        [False, True, False],
        [False, True, False],
    ]
    found = fidelity(real, np.asarray([[-3.0], [2.5], [20.0]]), k=2)
    assert found.density == pytest.approx((1 + 4 + 0) / 3 / 2)
    assert found.coverage == 1.0


def expected_coverage(real: int, samples: int, k: int) -> float:
    """The probability that one of the k nearest of all others is a sample (Naeem et al. 2020, lemma 2)."""
    return 1 - math.prod((real - i) / (samples + real - i) for i in range(1, k + 1))


@pytest.mark.parametrize(("real", "samples", "k", "features"), [(60, 60, 5, 2), (40, 120, 3, 5), (80, 30, 5, 1)])
def test_samples_of_the_same_law_have_the_known_density_and_coverage(real: int, samples: int, k: int, features: int) -> None:
    found = [fidelity(normals(real, features, "real", i), normals(samples, features, "sample", i), k) for i in range(200)]
    for values, truth in (
        ([one.coverage for one in found], expected_coverage(real, samples, k)),
        ([one.density for one in found], 1.0),
    ):
        assert np.mean(values) == pytest.approx(truth, abs=4.5 * float(np.std(values)) / math.sqrt(len(values)))


def test_expected_coverage_has_the_limits_it_should() -> None:
    assert expected_coverage(1000, 1000, 5) == pytest.approx(1 - 2**-5, abs=1e-3)
    assert expected_coverage(10, 10**9, 2) == pytest.approx(1.0)
    assert expected_coverage(5, 5, 5) == 1.0


def test_each_measure_has_the_blind_spot_that_is_said() -> None:
    real, fresh = normals(300, 4, "real"), normals(300, 4, "fresh")
    alike = fidelity(real, 0.01 * fresh)
    assert alike.density > 1.0
    assert alike.coverage < 0.35
    assert fidelity(real, 6 * fresh).coverage < 0.35
    # Half of the data's clusters missing: every sample is plausible, half of the data is not covered.
    two = np.concatenate([real - 20, real + 20])
    half = fidelity(two, fresh - 20)
    assert half.density > 0.4
    assert 0.4 < half.coverage < 0.51


@quick
@given(size=sizes, seed=st.integers(0, 99), shift=st.floats(-50, 50), factor=st.floats(0.01, 100))
def test_order_place_and_unit_do_not_matter(size: tuple[int, int, int], seed: int, shift: float, factor: float) -> None:
    real, samples = normals(size[0], size[2], "a", seed), 0.7 * normals(size[1], size[2], "b", seed) + 0.3
    draw = generator("order", seed)
    rotation = stats.ortho_group.rvs(size[2], random_state=draw) if size[2] > 1 else -np.ones((1, 1))

    def move(points: Points) -> Points:
        return factor * points[draw.permutation(len(points))] @ rotation + shift

    first, second = move(real), move(samples)
    found, again = fidelity(real, samples, 3), fidelity(first, second, 3)
    assert (found.density, found.coverage) == pytest.approx((again.density, again.coverage))
    assert energy_distance(first, second) == pytest.approx(factor * energy_distance(real, samples), rel=1e-6, abs=1e-9 * factor)


def test_classes_by_hand() -> None:
    rows = np.eye(4)[[0, 0, 1, 2]]
    found = class_use(rows)
    assert found.shares.tolist() == [0.5, 0.25, 0.25, 0.0]
    assert found.entropy == pytest.approx(1.5 * math.log(2) / math.log(4))
    assert found.present == {0, 1, 2}


@quick
@given(classes=st.integers(2, 12), repeats=st.integers(1, 5))
def test_entropy_is_one_for_all_classes_alike_and_zero_for_one(classes: int, repeats: int) -> None:
    assert class_use(np.tile(np.eye(classes), (repeats, 1))).entropy == pytest.approx(1.0)
    alone = class_use(np.tile(np.eye(classes)[[1]], (repeats, 1)))
    assert (alone.entropy, alone.present) == (0.0, {1})


def test_one_uncertain_image_is_not_diverse() -> None:
    unsure = np.full((500, 10), 0.0999)
    unsure[:, 3] += 0.001
    assert class_use(unsure).entropy == 0.0


def test_the_entropy_of_few_samples_is_too_small_by_what_is_said() -> None:
    draw = generator("entropy")
    found = [class_use(np.eye(10)[draw.integers(0, 10, 200)]).entropy for _ in range(800)]
    assert 1 - np.mean(found) == pytest.approx(9 / (2 * 200 * math.log(10)), rel=0.1)


@quick
@given(size=sizes, seed=st.integers(0, 99))
def test_the_nearest_is_the_least_of_all_distances(size: tuple[int, int, int], seed: int) -> None:
    points, among = normals(size[0], size[2], "p", seed), normals(size[1], size[2], "q", seed)
    all_of_them = np.linalg.norm(points[:, None] - among[None], axis=2)
    assert nearest(points, among) == pytest.approx(all_of_them.min(1))
    assert nearest(among, among).max() == 0.0


@quick
@given(n=st.integers(2, 40), m=st.integers(2, 40), seed=st.integers(0, 99))
def test_energy_on_a_line_is_scipys_but_for_the_pairs_of_an_item_with_itself(n: int, m: int, seed: int) -> None:
    x, y = normals(n, 1, "x", seed), normals(m, 1, "y", seed) + 0.5

    def within(points: Points) -> float:
        return float(np.abs(points - points.T).mean())

    biased = stats.energy_distance(x.ravel(), y.ravel()) ** 2
    assert energy_distance(x, y) == pytest.approx(biased - within(x) / (n - 1) - within(y) / (m - 1))


@pytest.mark.parametrize("scale", [1.0, 0.5, 2.0])
def test_energy_of_plane_gaussians_is_unbiased(scale: float) -> None:
    # The mean length of N(0, v I) in the plane is sqrt(pi v / 2).
    truth = 2 * math.sqrt((1 + scale**2) * math.pi / 2) - math.sqrt(math.pi) * (1 + scale)
    found = [energy_distance(normals(60, 2, "x", i), scale * normals(80, 2, "y", scale, i)) for i in range(400)]
    assert np.mean(found) == pytest.approx(truth, abs=4.5 * float(np.std(found)) / math.sqrt(len(found)))
    assert scale != 1.0 or min(found) < 0


GOOD = normals(8, 2, "good")
FAULTS = {
    "no samples at all": (lambda: fidelity(GOOD, GOOD[:0]), "the samples: at least 1 items are needed, and there are 0"),
    "fewer real than k": (lambda: fidelity(GOOD[:5], GOOD), "the real items: at least 6 items"),
    "k of nothing": (lambda: fidelity(GOOD, GOOD, 0), "k counts neighbours"),
    "other features": (lambda: fidelity(GOOD, np.zeros((8, 3))), "same number of features; they have 2 and 3"),
    "images": (lambda: fidelity(np.zeros((8, 1, 2, 2)), GOOD), "shape"),
    "no features": (lambda: fidelity(np.zeros((8, 0)), GOOD), "shape"),
    "not a number": (lambda: energy_distance(GOOD, np.full((8, 2), np.nan)), "the second set hold 16 values that are not finite"),
    "one item": (lambda: energy_distance(GOOD[:1], GOOD), "at least 2 items"),
    "one class": (lambda: class_use(np.ones((8, 1))), "two classes"),
    "scores": (lambda: class_use(GOOD), "probabilities"),
    "no samples": (lambda: class_use(np.zeros((0, 10))), "at least 1 items"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_what_cannot_be_measured_is_said_plainly(name: str) -> None:
    call, message = FAULTS[name]
    with pytest.raises(ValueError, match=message):
        call()
