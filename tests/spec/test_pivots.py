"""The pivots have the laws they say: p-values uniform under the null at every n, and power where they need it."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from vae_spec.context import derive_seed
from vae_spec.statistics.pivots import (
    Draws,
    independence_pivot,
    mean_pivot,
    monte_carlo_kl,
    normal_scores_of_size,
    quadratic_tail,
    shape_pivot,
    size_pivot,
    variance_pivot,
)
from vae_spec.strategies import ConstantCode, constant_codes

REPLICATIONS = 2000
POWERFUL = 65536
quick = settings(max_examples=60, deadline=None, database=None, derandomize=True)


def correlation(u: Draws) -> float:
    half = u.size // 2
    return independence_pivot(u[:half], u[half : 2 * half], "halves").p


def correlation_of_sizes(u: Draws) -> float:
    return correlation(normal_scores_of_size(u))


EXACT: dict[str, Callable[[Draws], float]] = {
    "mean": lambda u: mean_pivot(u).p,
    "variance": lambda u: variance_pivot(u).p,
    "correlation": correlation,
    "correlation of sizes": correlation_of_sizes,
    "largest size": lambda u: size_pivot(u).p,
    "KL, wide and shifted": lambda u: monte_carlo_kl(1.5 + math.exp(0.5) * u, 1.5, 1.0, true_kl(1.5, 1.0)).p,
    "KL, narrow": lambda u: monte_carlo_kl(-0.3 + math.exp(-2) * u, -0.3, -4.0, true_kl(-0.3, -4.0)).p,
    "KL, centred": lambda u: monte_carlo_kl(math.exp(-0.5) * u, 0.0, -1.0, true_kl(0.0, -1.0)).p,
    "KL, unit variance": lambda u: monte_carlo_kl(2.0 + u, 2.0, 0.0, true_kl(2.0, 0.0)).p,
}


def true_kl(mu: float, logvar: float) -> float:
    return (mu * mu + math.expm1(logvar) - logvar) / 2


def normals(n: int, *labels: object) -> Draws:
    return np.random.default_rng(derive_seed("pivots", *labels)).standard_normal(n)


@pytest.mark.parametrize("name", EXACT)
@pytest.mark.parametrize("n", [2, 40])
def test_p_values_are_uniform_under_the_null(name: str, n: int) -> None:
    found = [EXACT[name](normals(n, name, n, k)) for k in range(REPLICATIONS)]
    assert stats.kstest(found, "uniform").pvalue > 1e-3


@pytest.mark.parametrize("n", [1, 5, 200])
def test_the_shape_band_alarms_no_more_often_than_it_says(n: int) -> None:
    found = np.asarray([shape_pivot(normals(n, "shape", n, k)).p for k in range(REPLICATIONS)])
    for level in (0.5, 0.1, 0.01):
        slack = 4 * math.sqrt(level / REPLICATIONS)
        assert (found <= level).mean() <= level + slack
    # A band that never alarms would be no band: it is nearly tight in its tail.
    assert n < 200 or (found <= 0.1).mean() > 0.05


WRONG: dict[str, tuple[Callable[[Draws], Draws], str]] = {
    "scale": (lambda u: 1.05 * u, "variance"),
    "shrunk": (lambda u: 0.95 * u, "variance"),
    "shift": (lambda u: u + 0.05, "mean"),
    "uniform": (stats.norm.cdf, "mean"),
    "shared over neighbours": (lambda u: np.tile(u[: u.size // 2], 2), "correlation"),
    "shared in size, with signs of its own": (lambda u: np.sign(u) * np.abs(np.tile(u[: u.size // 2], 2)), "correlation of sizes"),
    "cut off": (lambda u: u.clip(-2.5, 2.5), "largest size"),
    "uniform of variance 1": (lambda u: math.sqrt(12) * (stats.norm.cdf(u) - 0.5), "largest size"),
    "with heavy tails": (lambda u: np.where(np.arange(u.size) % 1000 == 0, 4 * u, u), "largest size"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_noise_is_rejected_by_the_pivot_that_is_for_it(name: str) -> None:
    wrong, pivot = WRONG[name]
    assert EXACT[pivot](wrong(normals(POWERFUL, name))) < 1e-9


def test_normal_scores_depend_on_the_size_alone_and_are_standard_normal() -> None:
    u = normals(POWERFUL, "scores")
    scores = normal_scores_of_size(u)
    assert np.array_equal(scores, normal_scores_of_size(-u))
    assert np.array_equal(np.argsort(scores), np.argsort(np.abs(u)))
    assert stats.kstest(scores, "norm").pvalue > 1e-3
    assert np.isfinite(normal_scores_of_size(np.array([0.0, 1e-300, 30.0, 1e6]))).all()


def test_the_size_pivot_reports_the_largest_size_and_expects_its_median() -> None:
    found = [size_pivot(normals(500, "median", k)) for k in range(400)]
    assert 0.4 < np.mean([one.value < one.expected for one in found]) < 0.6
    u = np.array([0.5, -3.0, 1.0])
    assert size_pivot(u).value == 3.0
    assert size_pivot(np.zeros(4)).p == 0.0


@pytest.mark.parametrize(
    "wrong",
    [
        lambda u: math.sqrt(12) * (stats.norm.cdf(u) - 0.5),
        lambda u: stats.laplace.ppf(stats.norm.cdf(u)) / math.sqrt(2),
        np.sign,
    ],
)
def test_the_shape_of_noise_with_the_right_mean_and_variance_is_seen(wrong: Callable[[Draws], Draws]) -> None:
    u = wrong(normals(POWERFUL, "shape"))
    assert mean_pivot(u).p > 1e-4
    assert shape_pivot(u).p < 1e-9


def test_pivots_report_what_they_measured() -> None:
    u = np.asarray([1.0, -1.0, 2.0, 2.0])
    assert (mean_pivot(u).name, mean_pivot(u).value, mean_pivot(u).expected) == ("mean", 1.0, 0.0)
    assert (variance_pivot(u).name, variance_pivot(u).value, variance_pivot(u).expected) == ("variance", 2.5, 1.0)
    assert shape_pivot(np.asarray([50.0])).value == pytest.approx(1.0)
    assert independence_pivot(u, np.asarray([1.0, 1.0, 1.0, 1.0]), "with one").value == pytest.approx(4 / 2 / 2)
    assert independence_pivot(u, np.zeros(4), "with nothing").p == 1.0


@pytest.mark.parametrize(("a", "b"), [(0.7, -0.4), (-0.45, 0.3), (2.0, 5.0), (-0.5, 0.0), (0.0, 1.3)])
@pytest.mark.parametrize("n", [1, 8])
def test_the_quadratic_tail_is_that_of_simulated_sums(a: float, b: float, n: int) -> None:
    u = normals(200_000 * n, a, b, n).reshape(-1, n)
    sums = (a * u**2 + 2 * b * u).sum(1)
    for total in np.quantile(sums, [0.003, 0.05, 0.3, 0.5, 0.8, 0.99, 0.998]):
        below = float((sums <= total).mean())
        assert quadratic_tail(float(total), n, a, b) == pytest.approx(2 * min(below, 1 - below), abs=0.01)


def two_sided(law: object, at: float) -> float:
    return min(1.0, 2 * min(law.cdf(at), law.sf(at)))


@pytest.mark.parametrize("n", [1, 30, 65536])
@pytest.mark.parametrize("quantile", [1e-7, 0.2, 0.5, 0.999999])
def test_the_quadratic_tail_has_chi_squared_and_normal_as_special_cases(n: int, quantile: float) -> None:
    squares = stats.chi2(n)
    total = float(squares.ppf(quantile))
    assert quadratic_tail(total, n, 1.0, 0.0) == pytest.approx(two_sided(squares, total), rel=1e-9)
    assert quadratic_tail(-3 * total, n, -3.0, 0.0) == pytest.approx(two_sided(squares, total), rel=1e-9)
    line = stats.norm(0, 2 * 0.7 * math.sqrt(n))
    total = float(line.ppf(quantile))
    assert quadratic_tail(total, n, 0.0, -0.7) == pytest.approx(two_sided(line, total), rel=1e-9)
    # The noncentral law joins its two borders without a step.
    assert quadratic_tail(float(squares.ppf(quantile)), n, 1.0, 1e-9) == pytest.approx(
        two_sided(squares, float(squares.ppf(quantile))), rel=1e-3
    )


def test_the_quadratic_tail_at_impossible_and_empty_sums() -> None:
    # u^2 + 2u >= -1: a sum of three can never lie below -3.
    assert quadratic_tail(-3.001, 3, 1.0, 1.0) == 0.0
    assert quadratic_tail(3.001, 3, -1.0, 1.0) == 0.0
    assert quadratic_tail(0.0, 7, 0.0, 0.0) == 1.0
    assert quadratic_tail(0.1, 7, 0.0, 0.0) == 0.0


MUS = (0.0, 1e-5, -0.1, 0.7, -2.0, 4.0)
LOGVARS = (-6.0, -2.0, -0.05, 0.0, 0.05, 1.0, 4.0)


def test_a_true_kl_raises_no_alarm_at_a_millionth_over_the_grid() -> None:
    found = []
    for mu in MUS:
        for logvar in LOGVARS:
            for k in range(25):
                z = mu + math.exp(logvar / 2) * normals(64, mu, logvar, k)
                found.append(monte_carlo_kl(z, mu, logvar, true_kl(mu, logvar)).p)
    assert min(found) > 1e-6
    assert (np.asarray(found) < 1e-2).mean() < 2e-2


@pytest.mark.parametrize("factor", [1.1, 1 / 1.1])
@pytest.mark.parametrize(("mu", "logvar"), [(0.0, -6.0), (0.0, 4.0), (1.0, 0.0), (-4.0, 0.05), (2.0, -3.0), (0.5, 1.5)])
def test_a_kl_wrong_by_a_tenth_is_found(mu: float, logvar: float, factor: float) -> None:
    z = mu + math.exp(logvar / 2) * normals(POWERFUL, "tenth", mu, logvar)
    claimed = true_kl(mu, logvar)
    right, wrong = monte_carlo_kl(z, mu, logvar, claimed), monte_carlo_kl(z, mu, logvar, factor * claimed)
    assert right.p > 1e-4
    assert wrong.p < 1e-8
    assert wrong.estimate == right.estimate == pytest.approx(claimed, abs=5 * right.standard_error)


def test_the_standard_error_is_that_of_the_estimates() -> None:
    found = [monte_carlo_kl(0.8 + math.exp(0.6) * normals(50, "spread", k), 0.8, 1.2, 0.0) for k in range(REPLICATIONS)]
    assert np.std([one.estimate for one in found]) == pytest.approx(found[0].standard_error, rel=0.06)


def test_draws_from_another_scale_than_the_kl_are_found() -> None:
    logvar = 1.0
    z = math.exp(logvar) * normals(4096, "std without its half")
    assert monte_carlo_kl(z, 0.0, logvar, true_kl(0.0, logvar)).p < 1e-9


@quick
@given(code=constant_codes(), factor=st.sampled_from([-1.0, 0.0, 0.5, 1.0, 2.0, 1e6]), n=st.sampled_from([2, 4096, 65536]))
def test_p_is_a_probability_wherever_claims_look(code: ConstantCode, factor: float, n: int) -> None:
    z = code.mu + math.exp(code.logvar / 2) * normals(n, code)
    found = monte_carlo_kl(z, code.mu, code.logvar, factor * true_kl(code.mu, code.logvar))
    assert 0.0 <= found.p <= 1.0
    assert math.isfinite(found.estimate)
    assert math.isfinite(found.standard_error)


@pytest.mark.parametrize("mu", [0.0, 1e-300, -1e-8, 10.0, 100.0])
@pytest.mark.parametrize("logvar", [-40.0, -12.0, 6.0, 20.0, 60.0])
def test_p_is_a_probability_far_beyond(mu: float, logvar: float) -> None:
    z = mu + math.exp(logvar / 2) * normals(256, mu, logvar)
    for factor in (0.0, 1.0, 3.0):
        assert 0.0 <= monte_carlo_kl(z, mu, logvar, factor * true_kl(mu, logvar)).p <= 1.0
