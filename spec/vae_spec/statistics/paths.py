"""Decoded lines: whether what is decoded along a straight line between two codes changes smoothly, and stays where data is.

Smoothness is no mark of a VAE: an autoencoder's decoder is as continuous. What these tell apart is a line with a jump in it from one
without (Deep Learning Notes 13.4.5).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from vae_spec.statistics.samples import NEIGHBOURS, Balls, Points, as_points

RESOLUTION = 1e-5
"""A mean step below this share of the images' root mean square is rounding of single precision: such a line does not move."""
MIDDLE = (0.25, 0.75)
"""The part of a line that counts as its middle."""

Line = Float[np.ndarray, "steps pixels"]


def straight_line(first: Float[np.ndarray, "*shape"], second: Float[np.ndarray, "*shape"], steps: int) -> Float[np.ndarray, "points ..."]:
    """(1 - t) first + t second at evenly spaced t from 0 to 1: codes to decode, or a cross-fade of two images.

    Args:
        first: of any shape.
        second: of the same shape.
        steps: points, both ends included.

    Raises:
        ValueError: shapes that differ, or fewer than two points.
    """
    if np.shape(first) != np.shape(second):
        raise ValueError(f"both ends need one shape; they have {np.shape(first)} and {np.shape(second)}")
    if steps < 2:
        raise ValueError(f"a line has at least its two ends, not {steps} points")
    return np.linspace(first, second, steps)


@dataclass(frozen=True)
class PathShape:
    """How a decoded line runs. The ratios are nan where it does not move: they say nothing of a decoder that ignores its code.

    Attributes:
        steps: |x_{t+1} - x_t|, of shape (points - 1,).
        longest_step: the longest over the mean step. 1 at even speed, points - 1 where all of it is one jump.
        second_difference: max |x_{t+1} - 2 x_t + x_{t-1}| over the mean step. 0 on a straight line at even speed; points - 1 for one jump,
            and falling as 1 / points for a smooth line.
        detour: the length of the line over the distance of its ends; 1 if straight, inf where it comes back to its start.
        moves: whether there is more to it than rounding.
    """

    steps: Float[np.ndarray, " steps"]
    longest_step: float
    second_difference: float
    detour: float
    moves: bool


def path_shape(x_hat: Line) -> PathShape:
    """How a decoded line runs.

    Args:
        x_hat: what was decoded from evenly spaced codes, in data space, of shape (points, pixels).

    Raises:
        ValueError: fewer than three points, another shape, or values that are not finite.
    """
    line = as_points(x_hat, "the points of a decoded line", least=3)
    steps = np.linalg.norm(np.diff(line, axis=0), axis=1)
    mean = float(steps.mean())
    size = float(np.sqrt(np.square(line).sum(1).mean()))
    if not mean > RESOLUTION * size:
        return PathShape(steps, math.nan, math.nan, math.nan, moves=False)
    bend = float(np.linalg.norm(np.diff(line, n=2, axis=0), axis=1).max())
    chord = float(np.linalg.norm(line[-1] - line[0]))
    detour = float(steps.sum()) / chord if chord > 0 else math.inf
    return PathShape(steps, float(steps.max()) / mean, bend / mean, detour, moves=True)


@dataclass(frozen=True)
class Plausibility:
    """How far points lie where real items do.

    Attributes:
        density: real balls that hold a point, on average, divided by k; about 1 for real items.
        inside: the share of points inside any real ball (their precision).
    """

    density: float
    inside: float


@dataclass(frozen=True)
class PathPlausibility:
    """Decoded lines in a feature space, against what a reader would compare them with.

    Attributes:
        middle: the points of the lines with t in `MIDDLE`.
        ends: the first and the last points.
        cross_fade: the points of the cross-fades of the same pairs of images with t in `MIDDLE`.
    """

    middle: Plausibility
    ends: Plausibility
    cross_fade: Plausibility

    @property
    def middle_over_ends(self) -> float:
        """The density of the middle over that of the ends; nan where the ends lie where no data is."""
        return self.middle.density / self.ends.density if self.ends.density > 0 else math.nan

    @property
    def middle_over_cross_fade(self) -> float:
        """The density of the middle over that of the cross-fades; nan where these lie where no data is."""
        return self.middle.density / self.cross_fade.density if self.cross_fade.density > 0 else math.nan


def path_plausibility(
    real: Points,
    lines: Float[np.ndarray, "lines steps features"],
    cross_fades: Float[np.ndarray, "lines steps features"],
    k: int = NEIGHBOURS,
) -> PathPlausibility:
    """Whether decoded lines stay where data is: their density (Naeem et al. 2020) in the middle, at the ends, and of pixel cross-fades.

    Args:
        real: features of real items that are no ends of the lines, (items, features).
        lines: features of decoded lines, (lines, points, features), t evenly spaced from 0 to 1.
        cross_fades: features of the cross-fades of the same pairs of images, in the same shape.
        k: neighbours.

    Raises:
        ValueError: other shapes, no lines, fewer than k + 1 real items, no point in the middle, or values that are not finite.
    """
    if lines.ndim != 3 or lines.shape != cross_fades.shape:
        raise ValueError(f"lines and cross-fades need one shape (lines, points, features); they have {lines.shape} and {cross_fades.shape}")
    t = np.linspace(0, 1, lines.shape[1])
    middle = (t >= MIDDLE[0]) & (t <= MIDDLE[1])
    if not middle.any():
        raise ValueError(f"lines of {lines.shape[1]} points have none in their middle: give at least 3")
    balls = Balls.around(real, k, "the real items")

    def plausibility(points: Float[np.ndarray, "lines chosen features"], what: str) -> Plausibility:
        held = balls.hold(points.reshape(-1, points.shape[-1]), what)
        return Plausibility(density=float(held.sum(0).mean()) / k, inside=float(held.any(0).mean()))

    return PathPlausibility(
        middle=plausibility(lines[:, middle], "the decoded lines"),
        ends=plausibility(lines[:, [0, -1]], "the ends of the lines"),
        cross_fade=plausibility(cross_fades[:, middle], "the cross-fades"),
    )
