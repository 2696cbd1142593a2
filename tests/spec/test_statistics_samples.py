"""Fidelity, classes, copies, distances between distributions: closed forms, known laws, and each one's known fault."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import linalg, stats

from vae_spec.context import derive_seed
from vae_spec.statistics.samples import (
    Balls,
    Points,
    class_use,
    copying,
    energy_distance,
    expected_coverage,
    fidelity,
    frechet,
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
    assert (found.precision, found.recall, found.coverage) == (1.0, 1.0, 1.0)
    assert found.density >= 1.0


def test_disjoint_sets_share_nothing() -> None:
    found = fidelity(normals(30, 2, "here"), normals(50, 2, "there") + 100)
    assert (found.precision, found.recall, found.density, found.coverage) == (0.0, 0.0, 0.0, 0.0)


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
    assert found.precision == pytest.approx(2 / 3)
    assert found.density == pytest.approx((1 + 4 + 0) / 3 / 2)
    assert found.coverage == 1.0
    # The samples' own balls reach 23, 17.5 and 23 far.
    assert found.recall == 1.0


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
    assert alike.precision == 1.0
    assert alike.density > 1.0
    assert alike.coverage < 0.35
    wide = fidelity(real, 6 * fresh)
    assert wide.recall > 0.9
    assert wide.coverage < 0.35
    # Half of the data's clusters missing: every sample is plausible, half of the data is not covered.
    two = np.concatenate([real - 20, real + 20])
    half = fidelity(two, fresh - 20)
    assert half.precision > 0.9
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
    assert (found.precision, found.recall, found.density, found.coverage) == pytest.approx(
        (again.precision, again.recall, again.density, again.coverage)
    )
    assert frechet(first, second) == pytest.approx(frechet(real, samples), rel=1e-6, abs=1e-9)
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


def test_copies_are_told_from_fresh_and_from_blurred_samples() -> None:
    training, held_out = normals(600, 8, "training"), normals(400, 8, "held out")
    fresh = normals(500, 8, "fresh")
    copied = copying(training[generator("pick").integers(0, 600, 500)], training, held_out)
    assert (copied.against_held_out, copied.against_own, copied.copies) == (0.0, 0.0, 1.0)
    honest = copying(fresh, training, held_out)
    assert honest.against_held_out == pytest.approx(1.0, abs=0.1)
    assert honest.against_own == pytest.approx((600 / 400) ** (-1 / 8), abs=0.05)
    assert honest.copies < 0.04
    noisy = copying(training[:500] + 0.01 * fresh, training, held_out)
    assert noisy.against_own < 0.05
    assert noisy.copies == 1.0


@pytest.mark.parametrize("width", [0.5, 0.2, 0.0])
def test_samples_drawn_to_the_mean_are_near_to_everything_and_not_to_what_was_trained_on(width: float) -> None:
    training, held_out = normals(600, 8, "training"), normals(400, 8, "held out")
    blurred = copying(width * normals(500, 8, "fresh"), training, held_out)
    assert blurred.against_held_out < 0.85
    assert blurred.copies < 0.5
    assert 0.8 < blurred.against_own < 1.25


def test_a_third_of_copies_shows_in_their_share() -> None:
    training, held_out = normals(600, 8, "training"), normals(400, 8, "held out")
    mixed = np.concatenate([training[:100], normals(200, 8, "fresh")])
    assert copying(mixed, training, held_out).copies == pytest.approx(1 / 3 + 0.01, abs=0.02)


def test_distances_to_training_items_by_hand() -> None:
    training, held_out, samples = np.asarray([[0.0], [10.0]]), np.asarray([[4.0], [13.0]]), np.asarray([[1.0], [9.0], [-8.0], [13.5]])
    found = copying(samples, training, held_out)
    assert found.against_held_out == pytest.approx(2.25 / 3.5)
    assert found.against_own == pytest.approx(2.25 / 3.5)
    # The nearest held-out item lies 3 away, the other one 4: two of the samples, 1 away, are nearer than either.
    assert found.copies == pytest.approx(2 / 4)


@quick
@given(size=sizes, seed=st.integers(0, 99))
def test_the_nearest_is_the_least_of_all_distances(size: tuple[int, int, int], seed: int) -> None:
    points, among = normals(size[0], size[2], "p", seed), normals(size[1], size[2], "q", seed)
    all_of_them = np.linalg.norm(points[:, None] - among[None], axis=2)
    assert nearest(points, among) == pytest.approx(all_of_them.min(1))
    assert nearest(among, among).max() == 0.0


@quick
@given(size=sizes, seed=st.integers(0, 99), factor=st.floats(0, 5), shift=st.floats(-5, 5))
def test_frechet_of_a_scaled_and_shifted_copy_is_exact(size: tuple[int, int, int], seed: int, factor: float, shift: float) -> None:
    real = normals(size[0], size[2], seed) * np.arange(1, size[2] + 1)
    spread = float(real.var(0, ddof=1).sum())
    centre = real.mean(0)
    truth = (shift**2 * size[2] + (1 - factor) ** 2 * spread) / spread
    assert frechet(real, centre + factor * (real - centre) + shift) == pytest.approx(truth, rel=1e-6, abs=1e-6)


def test_frechet_of_gaussians_whose_covariances_do_not_commute() -> None:
    root_one, root_two = np.asarray([[2.0, 0.0], [1.0, 0.5]]), np.asarray([[0.3, -0.8], [0.0, 1.0]])
    one, two = root_one @ root_one.T, root_two @ root_two.T
    truth = (np.trace(one + two - 2 * np.real(linalg.sqrtm(one @ two))) + 0.25) / np.trace(one)
    found = [
        frechet(normals(2000, 2, "one", i) @ root_one.T, normals(2000, 2, "two", i) @ root_two.T + np.asarray([0.5, 0.0]))
        for i in range(20)
    ]
    assert np.mean(found) == pytest.approx(truth, abs=4.5 * float(np.std(found)) / math.sqrt(len(found)) + 2 / 2000)


def test_frechet_of_a_collapsed_decoder_is_one_and_of_few_items_too_large() -> None:
    real = normals(400, 5, "real")
    assert frechet(real, np.broadcast_to(real.mean(0), real.shape)) == pytest.approx(1.0)
    bias = np.mean([frechet(normals(400, 5, "a", i), normals(400, 5, "b", i)) for i in range(50)])
    assert 0.002 < bias < 0.03


def test_frechet_where_there_are_fewer_items_than_features() -> None:
    real = normals(6, 20, "few")
    assert frechet(real, real) == pytest.approx(0.0, abs=1e-7)


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
    "fewer than k": (lambda: fidelity(GOOD, GOOD[:5]), "the samples: at least 6 items are needed, and there are 5"),
    "fewer real than k": (lambda: fidelity(GOOD[:5], GOOD), "the real items: at least 6 items"),
    "k of nothing": (lambda: fidelity(GOOD, GOOD, 0), "k counts neighbours"),
    "other features": (lambda: fidelity(GOOD, np.zeros((8, 3))), "same number of features; they have 2 and 3"),
    "images": (lambda: frechet(np.zeros((8, 1, 2, 2)), GOOD), "shape"),
    "no features": (lambda: frechet(np.zeros((8, 0)), GOOD), "shape"),
    "not a number": (lambda: energy_distance(GOOD, np.full((8, 2), np.nan)), "the second set hold 16 values that are not finite"),
    "one item": (lambda: energy_distance(GOOD[:1], GOOD), "at least 2 items"),
    "one sample": (lambda: frechet(GOOD, GOOD[:1]), "at least 2 items"),
    "no spread": (lambda: frechet(np.ones((8, 2)), GOOD), "all alike"),
    "one class": (lambda: class_use(np.ones((8, 1))), "two classes"),
    "scores": (lambda: class_use(GOOD), "probabilities"),
    "no samples": (lambda: class_use(np.zeros((0, 10))), "at least 1 items"),
    "nothing held out": (lambda: copying(GOOD, GOOD, GOOD), "hold items out"),
    "samples held out": (lambda: copying(GOOD, GOOD + 1, GOOD), "has seen these"),
    "no training items": (lambda: copying(GOOD, GOOD[:0], GOOD), "training items: at least 1"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_what_cannot_be_measured_is_said_plainly(name: str) -> None:
    call, message = FAULTS[name]
    with pytest.raises(ValueError, match=message):
        call()
