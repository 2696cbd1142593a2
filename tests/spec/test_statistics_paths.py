"""Decoded lines: even, bent, jumping and resting ones; lines through data and through the void between."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vae_spec.context import derive_seed
from vae_spec.statistics.paths import Line, path_plausibility, path_shape, straight_line

quick = settings(max_examples=40, deadline=None, database=None, derandomize=True)


def normals(shape: tuple[int, ...], *labels: object) -> Line:
    return np.random.default_rng(derive_seed("paths", *labels)).standard_normal(shape)


def arc(points: int, turns: float) -> Line:
    angle = np.linspace(0, 2 * np.pi * turns, points)
    return np.column_stack([np.cos(angle), np.sin(angle)])


def decoded(codes: Line) -> Line:
    """A smooth decoder: two random layers."""
    return 1 / (1 + np.exp(-np.tanh(0.4 * codes @ normals((4, 32), "in")) @ normals((32, 50), "out") / 3))


@quick
@given(points=st.integers(3, 30), pixels=st.integers(1, 20), seed=st.integers(0, 99))
def test_a_straight_line_at_even_speed(points: int, pixels: int, seed: int) -> None:
    line = straight_line(normals((pixels,), "a", seed), normals((pixels,), "b", seed) + 2, points)
    found = path_shape(line)
    assert found.moves
    assert found.longest_step == pytest.approx(1.0)
    assert found.second_difference == pytest.approx(0.0, abs=1e-9)


@quick
@given(points=st.integers(3, 30), at=st.integers(1, 29))
def test_a_single_jump_is_all_of_the_line(points: int, at: int) -> None:
    line = np.zeros((points, 3))
    line[min(at, points - 1) :] = 1.0
    found = path_shape(line)
    assert found.longest_step == found.second_difference == pytest.approx(points - 1)


def test_a_half_circle_is_smooth_in_proportion_to_its_points() -> None:
    coarse, fine = path_shape(arc(21, 0.5)), path_shape(arc(201, 0.5))
    assert coarse.longest_step == pytest.approx(1.0)
    # On a circle |x_{t+1} - 2 x_t + x_{t-1}| = 2 sin(step / 2) * step length: pi / 20 here, and a tenth of it with ten times the points.
    assert coarse.second_difference == pytest.approx(2 * math.sin(math.pi / 40))
    assert fine.second_difference == pytest.approx(coarse.second_difference / 10, rel=1e-2)


def test_a_line_that_returns_is_smooth() -> None:
    closed = arc(21, 1.0)
    closed[-1] = closed[0]
    assert path_shape(closed).second_difference < 1


@pytest.mark.parametrize("line", [np.zeros((5, 3)), np.full((5, 3), 0.4), 0.4 + 1e-8 * normals((5, 3)), np.full((3, 1), -2.0)])
def test_a_line_that_rests_says_nothing_of_smoothness(line: Line) -> None:
    found = path_shape(line)
    assert not found.moves
    assert all(math.isnan(value) for value in (found.longest_step, found.second_difference))


def test_a_little_motion_is_motion() -> None:
    found = path_shape(0.4 + 1e-3 * straight_line(np.zeros(3), np.ones(3), 21))
    assert found.moves
    assert found.second_difference < 1e-6


@quick
@given(seed=st.integers(0, 99), factor=st.floats(0.01, 100), shift=st.floats(-1, 1))
def test_direction_unit_and_order_of_pixels_do_not_matter(seed: int, factor: float, shift: float) -> None:
    line = np.cumsum(normals((12, 6), seed), axis=0)
    order = np.random.default_rng(seed).permutation(6)
    found, again = path_shape(line), path_shape(factor * (line[::-1, order] + shift))
    for name in ("longest_step", "second_difference"):
        assert getattr(again, name) == pytest.approx(getattr(found, name))
    assert 1 <= found.longest_step <= 11


@pytest.mark.parametrize("grain", [0.5, 1.0, 2.0])
def test_a_decoder_that_rounds_its_code_jumps(grain: float) -> None:
    smooth, rounded = [], []
    for i in range(20):
        codes = straight_line(normals((4,), "from", i), normals((4,), "to", i), 21)
        smooth.append(path_shape(decoded(codes)).second_difference)
        rounded.append(path_shape(decoded(np.round(codes / grain) * grain)))
    assert max(smooth) < 1.0
    assert all(not one.moves or one.second_difference > 1.5 for one in rounded)
    assert sum(one.moves for one in rounded) >= 15


def test_a_jump_in_an_otherwise_smooth_line_raises_the_second_difference_above_every_smooth_one() -> None:
    for i in range(20):
        codes = straight_line(normals((4,), "from", i), normals((4,), "to", i), 21)
        line = decoded(codes)
        length = np.linalg.norm(np.diff(line, axis=0), axis=1).sum()
        torn = line.copy()
        torn[11:, 0] += 0.3 * length
        assert path_shape(torn).second_difference > path_shape(line).second_difference + 2


def test_lines_between_two_clusters_leave_the_data_and_lines_inside_one_do_not() -> None:
    away = np.asarray([24.0, 0.0, 0.0])
    real = np.concatenate([normals((200, 3), "left"), normals((200, 3), "right") + away])
    starts, ends = normals((30, 3), "starts"), normals((30, 3), "ends")
    inside = np.stack([straight_line(a, b, 9) for a, b in zip(starts, ends, strict=True)])
    across = np.stack([straight_line(a, b + away, 9) for a, b in zip(starts, ends, strict=True)])
    found = path_plausibility(real, inside, across)
    assert found.middle > 0.8
    assert found.cross_fade < 0.05
    assert found.ends == pytest.approx(1.0, abs=0.3)
    assert found.middle > max(0.8 * found.ends, 20 * found.cross_fade)
    crossing = path_plausibility(real, across, inside)
    assert crossing.middle == found.cross_fade
    assert crossing.middle < 0.05 * crossing.ends


def test_the_middle_is_the_half_around_the_middle_and_the_ends_are_two_points() -> None:
    real = np.arange(10.0)[:, None]
    lines = np.zeros((1, 9, 1))
    lines[0, -2:] = 1000.0
    found = path_plausibility(real, lines, lines, k=1)
    assert found.middle == pytest.approx(2 * found.ends)
    assert path_plausibility(real, lines + 1000 * (lines == 0), lines, k=1).ends == 0.0


GOOD = np.stack([straight_line(np.zeros(2), np.ones(2), 5)] * 3)
REAL = normals((8, 2), "real")
FAULTS = {
    "two points": (lambda: path_shape(np.zeros((2, 4))), "at least 3 items are needed, and there are 2"),
    "images": (lambda: path_shape(np.zeros((5, 1, 8, 8))), "shape"),
    "not a number": (lambda: path_shape(np.full((5, 2), np.nan)), "10 values that are not finite"),
    "ends": (lambda: straight_line(np.zeros(2), np.zeros(3), 5), "one shape"),
    "one end": (lambda: straight_line(np.zeros(2), np.zeros(2), 1), "two ends"),
    "one line": (lambda: path_plausibility(REAL, GOOD[0], GOOD[0]), "one shape"),
    "other cross-fades": (lambda: path_plausibility(REAL, GOOD, GOOD[:, :4]), "one shape"),
    "no middle": (lambda: path_plausibility(REAL, GOOD[:, :2], GOOD[:, :2]), "middle"),
    "no lines": (lambda: path_plausibility(REAL, GOOD[:0], GOOD[:0]), "at least 1 items"),
    "few real items": (lambda: path_plausibility(REAL[:5], GOOD, GOOD), "the real items: at least 6 items"),
    "other features": (lambda: path_plausibility(np.zeros((8, 3)), GOOD, GOOD), "same number of features"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_what_cannot_be_measured_is_said_plainly(name: str) -> None:
    call, message = FAULTS[name]
    with pytest.raises(ValueError, match=message):
        call()


def test_a_straight_line_meets_both_ends_exactly_and_keeps_the_shape() -> None:
    first, second = normals((1, 3, 4), "first"), normals((1, 3, 4), "second")
    line = straight_line(first, second, 7)
    assert line.shape == (7, 1, 3, 4)
    assert (line[0] == first).all()
    assert (line[-1] == second).all()
    assert line[3] == pytest.approx((first + second) / 2)
