"""Decoded lines: whether decoding along a straight line between two latents changes smoothly and stays near the data.

Smoothness does not distinguish a VAE: an autoencoder's decoder is as continuous. These statistics distinguish lines with a jump from lines
without one (Deep Learning Notes 13.4.5).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from vae_spec.statistics.samples import NEIGHBOURS, Balls, Points, as_points

if TYPE_CHECKING:
    from jaxtyping import Float

RESOLUTION = 1e-5
"""A mean step below this share of the images' root mean square is single-precision rounding: such a line does not move."""
MIDDLE = (0.25, 0.75)
"""The part of a line that counts as its middle."""

Line: TypeAlias = 'Float[np.ndarray, "steps pixels"]'


def straight_line(first: Float[np.ndarray, "*shape"], second: Float[np.ndarray, "*shape"], steps: int) -> Float[np.ndarray, "points ..."]:
    """Return (1 - t) first + t second at evenly spaced t from 0 to 1: latents to decode, or a cross-fade of two images.

    `steps` counts both ends.

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
    """The shape of a decoded line. The ratios are nan if it does not move, since they are meaningless if the decoder ignores z.

    Attributes:
        longest_step: the longest step over the mean step: 1 at constant speed, points - 1 for a single jump.
        second_difference: max |x_{t+1} - 2 x_t + x_{t-1}| over the mean step: 0 on a straight line at constant speed; points - 1 for a
            single jump, and falling as 1 / points for a smooth line.
        moves: whether it changes by more than rounding.
    """

    longest_step: float
    second_difference: float
    moves: bool


def path_shape(x_hat: Line) -> PathShape:
    """Measure the shape of a decoded line.

    The points are decoded from evenly spaced latents, in data space, of shape (points, pixels).

    Raises:
        ValueError: fewer than three points, another shape, or values that are not finite.
    """
    line = as_points(x_hat, "the points of a decoded line", least=3)
    steps = np.linalg.norm(np.diff(line, axis=0), axis=1)
    mean = float(steps.mean())
    size = float(np.sqrt(np.square(line).sum(1).mean()))
    if not mean > RESOLUTION * size:
        return PathShape(math.nan, math.nan, moves=False)
    bend = float(np.linalg.norm(np.diff(line, n=2, axis=0), axis=1).max())
    return PathShape(float(steps.max()) / mean, bend / mean, moves=True)


@dataclass(frozen=True)
class PathPlausibility:
    """The density of real items around decoded lines in a feature space, and around natural baselines; about 1 for real items.

    The density is the mean number of real balls that contain a point, divided by k.

    Attributes:
        middle: the density of the points of the lines with t in `MIDDLE`.
        ends: that of the first and the last points.
        cross_fade: that of the points of the cross-fades of the same pairs of images with t in `MIDDLE`.
    """

    middle: float
    ends: float
    cross_fade: float


def path_plausibility(
    real: Points,
    lines: Float[np.ndarray, "lines steps features"],
    cross_fades: Float[np.ndarray, "lines steps features"],
    k: int = NEIGHBOURS,
) -> PathPlausibility:
    """Measure whether decoded lines stay near the data: density (Naeem et al. 2020) of middles, ends and pixel cross-fades.

    Args:
        real: features of real items that are not ends of the lines, of shape (items, features).
        lines: features of decoded lines, of shape (lines, points, features), t evenly spaced from 0 to 1.
        cross_fades: features of the cross-fades of the same pairs of images, in the same shape.
        k: number of neighbours.

    Raises:
        ValueError: wrong shapes, no lines, fewer than k + 1 real items, no point in the middle, or values that are not finite.
    """
    if lines.ndim != 3 or lines.shape != cross_fades.shape:
        raise ValueError(f"lines and cross-fades need one shape (lines, points, features); they have {lines.shape} and {cross_fades.shape}")
    t = np.linspace(0, 1, lines.shape[1])
    middle = (t >= MIDDLE[0]) & (t <= MIDDLE[1])
    if not middle.any():
        raise ValueError(f"lines of {lines.shape[1]} points have none in their middle: give at least 3")
    balls = Balls.around(real, k, "the real items")

    def density(points: Float[np.ndarray, "lines chosen features"], what: str) -> float:
        return float(balls.hold(points.reshape(-1, points.shape[-1]), what).sum(0).mean()) / k

    return PathPlausibility(
        middle=density(lines[:, middle], "the decoded lines"),
        ends=density(lines[:, [0, -1]], "the ends of the lines"),
        cross_fade=density(cross_fades[:, middle], "the cross-fades"),
    )
