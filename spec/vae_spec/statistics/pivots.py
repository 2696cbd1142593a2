"""Exact tests on draws that should be standard normal, and the exact distribution of a Monte Carlo KL.

Every statistic has a known distribution for every n, so that a level of 1e-8 means 1e-8; none relies on the central limit theorem.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

Draws = NDArray[np.float64]


@dataclass(frozen=True)
class Pivot:
    """One exact test: its name, the value of the statistic, its expected value, and the p-value."""

    name: str
    value: float
    expected: float
    p: float


def _two_sided(lower: float, upper: float) -> float:
    return min(1.0, 2 * min(lower, upper))


def mean_pivot(u: Draws) -> Pivot:
    """Test the mean: that of n standard normals is N(0, 1/n)."""
    mean = float(u.mean())
    return Pivot("mean", mean, 0.0, 2 * float(scipy.special.ndtr(-abs(mean) * math.sqrt(u.size))))


def variance_pivot(u: Draws) -> Pivot:
    """Test the variance: the sum of squares of n standard normals is chi-squared with n degrees of freedom."""
    total = float(np.square(u).sum())
    below, above = float(scipy.special.chdtr(u.size, total)), float(scipy.special.chdtrc(u.size, total))
    return Pivot("variance", total / u.size, 1.0, _two_sided(below, above))


def shape_pivot(u: Draws) -> Pivot:
    """Test the shape, with the Dvoretzky-Kiefer-Wolfowitz band: P(sup |F_n - Phi| > d) <= 2 exp(-2 n d^2)."""
    ordered = scipy.special.ndtr(np.sort(u.ravel()))
    n = ordered.size
    steps = np.arange(n + 1) / n
    distance = float(max(np.max(steps[1:] - ordered), np.max(ordered - steps[:-1])))
    return Pivot("distance of the distribution function", distance, 0.0, min(1.0, 2 * math.exp(-2 * n * distance**2)))


def independence_pivot(u: Draws, v: Draws, name: str) -> Pivot:
    """Test independence: given v, sum(u v) / |v| is standard normal if u is standard normal and independent of v."""
    norm = float(np.sqrt(np.square(v).sum()))
    statistic = float((u * v).sum()) / norm if norm > 0 else 0.0
    return Pivot(name, statistic / math.sqrt(u.size), 0.0, 2 * float(scipy.special.ndtr(-abs(statistic))))


def size_pivot(u: Draws) -> Pivot:
    """Test the tails: of n standard normals, the largest |u| is below m with probability (2 Phi(m) - 1)^n."""
    largest = float(np.abs(u).max())
    below = math.exp(u.size * math.log1p(-2 * float(scipy.special.ndtr(-largest)))) if largest > 0 else 0.0
    expected = float(-scipy.special.ndtri(-math.expm1(-math.log(2) / u.size) / 2))  # its median
    return Pivot("largest size", largest, expected, _two_sided(below, 1 - below))


def normal_scores_of_size(u: Draws) -> Draws:
    """Map each draw to a number that depends on |u| alone, and that is standard normal if u is: Phi^-1(2 Phi(|u|) - 1)."""
    return np.asarray(-scipy.special.ndtri(np.clip(2 * scipy.special.ndtr(-np.abs(u)), 1e-300, 1.0 - 1e-16)), dtype=np.float64)


def quadratic_tail(total: float, n: int, a: float, b: float) -> float:
    """Compute the exact two-sided p-value of sum_i (a u_i^2 + 2 b u_i) over n independent standard normals.

    With a != 0, completing the square gives a (u + b/a)^2 - b^2/a, so the sum is a X - n b^2/a with X noncentral chi-squared (n degrees of
    freedom, noncentrality n b^2/a^2); with a = 0 it is normal.
    """
    if a == 0.0:
        spread = 2 * abs(b) * math.sqrt(n)
        if spread == 0.0:
            return 1.0 if total == 0.0 else 0.0
        return 2 * float(scipy.special.ndtr(-abs(total) / spread))
    x = (total + n * b * b / a) / a
    noncentrality = n * (b / a) ** 2
    if x <= 0:
        return 0.0
    if noncentrality == 0.0:
        return _two_sided(float(scipy.special.chdtr(n, x)), float(scipy.special.chdtrc(n, x)))
    below = float(scipy.special.chndtr(x, n, noncentrality))
    return _two_sided(below, 1 - below)


@dataclass(frozen=True)
class MonteCarloKL:
    """A Monte Carlo estimate of KL(N(mu, s^2) || N(0, 1)) per dimension, compared with a claimed value.

    Attributes:
        estimate: the mean of log q(z) - log p(z), nats per dimension.
        standard_error: its standard deviation under the exact distribution.
        p: the two-sided probability of a sum this far from `claimed` if the claimed value is true.
    """

    estimate: float
    standard_error: float
    p: float


def monte_carlo_kl(z: Draws, mu: float, logvar: float, claimed: float) -> MonteCarloKL:
    """Test a claimed KL per dimension against draws z ~ N(mu, exp(logvar)), with the same mu and logvar in all dimensions and items.

    With z = mu + s u: log q - log p = -logvar/2 + mu^2/2 + ((s^2 - 1) u^2 + 2 mu s u) / 2, a quadratic in u (see `quadratic_tail`).
    """
    n, s = z.size, math.exp(logvar / 2)
    a, b = (s * s - 1) / 2, mu * s / 2
    log_ratio = -logvar / 2 - np.square((z - mu) / s) / 2 + np.square(z) / 2
    estimate = float(log_ratio.mean())
    constant = -logvar / 2 + mu * mu / 2
    true = constant + a
    # Under a true claim `estimate - claimed` is distributed as the centred sum, for any claimed value.
    total = n * (estimate - claimed + true - constant)
    return MonteCarloKL(estimate, math.sqrt((2 * a * a + 4 * b * b) / n), quadratic_tail(total, n, a, b))
