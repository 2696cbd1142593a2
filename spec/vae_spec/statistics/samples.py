"""Statistics of prior samples against data: fidelity and diversity in a feature space, classes, nearest items, energy distance.

No single one shows that samples are plausible: samples that all equal the mean image lie near the data, and coverage detects them
(Deep Learning Notes 13.4.3).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import scipy

if TYPE_CHECKING:
    from jaxtyping import Bool, Float

NEIGHBOURS = 5
"""k of density and coverage: the default of Naeem et al. 2020."""
COPY_QUANTILE = 0.01
"""A sample counts as a copy if it is as close to a training item as only this share of the held-out items are."""

Points: TypeAlias = 'Float[np.ndarray, "_ features"]'


def as_points(values: Float[np.ndarray, "items features"], what: str, least: int = 1) -> Float[np.ndarray, "items features"]:
    """Validate values of shape (items, features) and return them in double precision.

    Raises:
        ValueError: wrong shape, fewer than `least` items, or values that are not finite.
    """
    points = np.asarray(values, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] == 0:
        raise ValueError(f"{what} need the shape (items, features), not {points.shape}")
    if len(points) < least:
        raise ValueError(f"{what}: at least {least} items are needed, and there are {len(points)}")
    if not np.isfinite(points).all():
        raise ValueError(f"{what} hold {int((~np.isfinite(points)).sum())} values that are not finite")
    return points


def _same_space(first: Points, second: Points) -> None:
    if first.shape[1] != second.shape[1]:
        raise ValueError(f"both sets need the same number of features; they have {first.shape[1]} and {second.shape[1]}")


@dataclass(frozen=True)
class Balls:
    """Closed balls around points that reach to the k-th nearest other point: an estimate of the points' support.

    Closed, so that repeated points contain one another; for continuous data it makes no difference.

    Attributes:
        centres: the points, of shape (items, features).
        radii: the distance of each point to its k-th nearest other point, of shape (items,).
        k: the number of neighbours.
    """

    centres: Float[np.ndarray, "items features"]
    radii: Float[np.ndarray, " items"]
    k: int

    @classmethod
    def around(cls, points: Points, k: int = NEIGHBOURS, what: str = "the points") -> Balls:
        """Build the balls around points of shape (items, features).

        Raises:
            ValueError: fewer than k + 1 points, wrong shape, or values that are not finite.
        """
        if k < 1:
            raise ValueError(f"k counts neighbours and is at least 1, not {k}")
        centres = as_points(points, what, least=k + 1)
        # The nearest is the point itself, at distance 0, or a duplicate of it.
        radii = np.partition(scipy.spatial.distance.cdist(centres, centres), k, axis=1)[:, k]
        return cls(centres, radii, k)

    def hold(self, points: Points, what: str = "the samples") -> Bool[np.ndarray, "centres points"]:
        """Return which ball contains which point, of shape (centres, points).

        Raises:
            ValueError: a different number of features, or values that are not finite.
        """
        checked = as_points(points, what)
        _same_space(self.centres, checked)
        return np.asarray(scipy.spatial.distance.cdist(self.centres, checked) <= self.radii[:, None])


@dataclass(frozen=True)
class Fidelity:
    """Density and coverage of samples (Naeem et al. 2020, section 3).

    Attributes:
        density: the mean number of real balls that contain a sample, divided by k; 1 for equal distributions, not bounded by 1.
        coverage: the share of real items whose ball contains any sample; near 1 - 2^-k for equal distributions and counts.
    """

    density: float
    coverage: float


def fidelity(real: Points, samples: Points, k: int = NEIGHBOURS) -> Fidelity:
    """Compute density and coverage.

    Args:
        real: held-out real items, of shape (items, features).
        samples: decoded prior samples, of shape (samples, features). All but density depend on both counts: compare at equal ones.
        k: number of neighbours.

    Raises:
        ValueError: fewer than k + 1 real items, no samples, different numbers of features, or values that are not finite.
    """
    balls = Balls.around(real, k, "the real items")
    held = balls.hold(samples)
    return Fidelity(density=float(held.sum(0).mean()) / k, coverage=float(held.any(1).mean()))


@dataclass(frozen=True)
class ClassUse:
    """The predicted classes of samples.

    Attributes:
        shares: the share of samples of each most probable class, of shape (classes,).
        entropy: -sum p log p of the shares, divided by log(classes): 0 for a single class, 1 for equal shares.
        present: the classes that occur.
    """

    shares: Float[np.ndarray, " classes"]
    entropy: float
    present: frozenset[int]


def class_use(probabilities: Float[np.ndarray, "samples classes"]) -> ClassUse:
    """Count the predicted classes of samples, using each sample's most probable class.

    The mean of the probabilities is not used: a single image that the classifier is unsure of would count as many classes. The entropy of n
    samples is too small by about (classes - 1) / (2 n log classes).
    The probabilities have the shape (samples, classes).

    Raises:
        ValueError: no samples, fewer than two classes, or rows that are not probabilities.
    """
    p = as_points(probabilities, "class probabilities")
    if p.shape[1] < 2:
        raise ValueError("at least two classes are needed to speak of diversity")
    if (p < 0).any() or not np.allclose(p.sum(1), 1, atol=1e-3):
        raise ValueError("each row of class probabilities is not negative and sums to 1; give probabilities, not scores")
    shares = np.bincount(p.argmax(1), minlength=p.shape[1]) / len(p)
    used = shares[shares > 0]
    entropy = -float((used * np.log(used)).sum()) / math.log(p.shape[1])
    return ClassUse(shares, max(0.0, entropy), frozenset(np.flatnonzero(shares).tolist()))


def nearest(points: Points, among: Points) -> Float[np.ndarray, " points"]:
    """Compute the distance of each point to the nearest point in `among`, of shape (points,)."""
    from sklearn.neighbors import NearestNeighbors  # noqa: PLC0415  scikit-learn takes a while to import, and exact runs do not need it

    index = NearestNeighbors(n_neighbors=1).fit(among).kneighbors(points, return_distance=False)[:, 0]
    # The search expands the square, which rounds; recomputed, the distance of a copy is exactly 0.
    return np.asarray(np.linalg.norm(points - among[index], axis=1))


def _mean_off_diagonal(square: Float[np.ndarray, "items items"]) -> float:
    return float((square.sum() - np.trace(square)) / (len(square) * (len(square) - 1)))


def energy_distance(first: Points, second: Points) -> float:
    """Compute 2 E|X - Y| - E|X - X'| - E|Y - Y'|, unbiased by excluding pairs of an item with itself (Székely and Rizzo 2013).

    0 on average for equal distributions, so slightly negative in half of the draws; in the units of the features.

    Raises:
        ValueError: fewer than two items in a set, different numbers of features, or values that are not finite.
    """
    x, y = as_points(first, "the first set", least=2), as_points(second, "the second set", least=2)
    _same_space(x, y)
    within = _mean_off_diagonal(scipy.spatial.distance.cdist(x, x)) + _mean_off_diagonal(scipy.spatial.distance.cdist(y, y))
    return 2 * float(scipy.spatial.distance.cdist(x, y).mean()) - within
