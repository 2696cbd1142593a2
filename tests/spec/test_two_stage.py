"""The two-stage decision, and the powers that claims declare."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import FunctionType
from typing import cast

import numpy as np
import pytest
import torch
from fakes import FakeSubject, facts, fake
from scipy import stats

from vae_spec.claims import kl, noise, sampling
from vae_spec.context import ClaimContext, derive_seed
from vae_spec.exploration import explore
from vae_spec.outcomes import Outcome, Verdict
from vae_spec.registry import CLAIMS, share
from vae_spec.statistics.pivots import Pivot, mean_pivot, quadratic_tail, variance_pivot
from vae_spec.statistics.two_stage import (
    CONFIRMATION_FACTOR,
    SCREEN_LEVEL,
    Decision,
    Design,
    decide,
    smallest_mean_shift,
    smallest_scale_error,
)
from vae_spec.strategies import ConstantCode, constant_codes
from vae_spec.subject import Subject

STATISTICAL = ("KL-02", "REP-02", "REP-05")
"""The claims that decide in two stages."""
LATENT_DIMS = [1, 2, 32, 64]
DECLARED_POWER = 0.99


def scripted(*stages: Sequence[float]) -> tuple[Callable[[int, int], list[Pivot]], list[tuple[int, int]]]:
    """A measurement whose p-values are written down, and the record of how it was called."""
    calls: list[tuple[int, int]] = []

    def measure(draws: int, stage: int) -> list[Pivot]:
        calls.append((draws, stage))
        return [Pivot(f"pivot {index}", float(index), 0.0, p) for index, p in enumerate(stages[stage - 1])]

    return measure, calls


def asked(claim: str, subject: Subject, seed: int) -> Verdict:
    """The verdict of a statistical claim at its share of the budget."""
    check = CLAIMS[claim].check
    assert check is not None
    return check(subject, ClaimContext(claim, seed, level=share(claim)))


# the decision -------------------------------------------------------------------------------------


def test_an_unsuspicious_example_costs_one_stage() -> None:
    measure, calls = scripted([0.4, SCREEN_LEVEL / 2])
    assert decide(measure, draws=100, level=1e-8) == Decision(
        rejected=False, pivot=Pivot("pivot 1", 1.0, 0.0, SCREEN_LEVEL / 2), draws=100, stage=1
    )
    assert calls == [(100, 1)]


@pytest.mark.parametrize("pivots", [1, 2, 20])
def test_the_screen_s_level_is_shared_among_the_pivots(pivots: int) -> None:
    """With twenty pivots at 1 % each, one sound example in five would come to the second stage."""
    for p, stage in ((1.01 * SCREEN_LEVEL / pivots, 1), (0.99 * SCREEN_LEVEL / pivots, 2)):
        measure, _ = scripted([p, *[1.0] * (pivots - 1)], [1.0] * pivots)
        assert decide(measure, draws=10, level=1e-8).stage == stage


def test_a_suspicious_example_is_decided_on_fresh_draws_alone() -> None:
    measure, calls = scripted([1e-30, 0.5], [0.3, 0.2])
    found = decide(measure, draws=100, level=1e-2)
    assert (found.rejected, found.pivot.name, found.draws, found.stage) == (False, "pivot 1", 1600, 2)
    assert calls == [(100, 1), (100 * CONFIRMATION_FACTOR, 2)]


@pytest.mark.parametrize(("p", "rejected"), [(0.9e-8, False), (0.4e-8, True)])
def test_the_level_is_shared_among_the_pivots(p: float, rejected: bool) -> None:
    measure, _ = scripted([1e-9, 1.0], [1.0, p])
    assert decide(measure, draws=10, level=1e-8).rejected is rejected


def test_a_p_value_that_is_not_a_number_is_never_taken_for_agreement() -> None:
    measure, _ = scripted([0.5, math.nan], [0.5, math.nan])
    assert decide(measure, draws=10, level=1e-8).rejected


def test_no_more_false_alarms_than_the_level() -> None:
    rng = np.random.default_rng(derive_seed("two stages"))

    def measure(draws: int, _stage: int) -> list[Pivot]:
        return [mean_pivot(rng.standard_normal(draws)), variance_pivot(rng.standard_normal(draws))]

    found = [decide(measure, draws=8, level=0.5) for _ in range(4000)]
    screened = sum(one.stage == 2 for one in found)
    assert abs(screened - 4000 * SCREEN_LEVEL) < 4 * math.sqrt(4000 * SCREEN_LEVEL)
    assert sum(one.rejected for one in found) <= 0.5 * screened + 4 * math.sqrt(screened) / 2


# the power functions ------------------------------------------------------------------------------


def detected(
    noise: Callable[[np.random.Generator, int], np.ndarray],
    pivot: Callable[[np.ndarray], Pivot],
    design: Design,
) -> float:
    """The share of runs in which one of the examples at least is rejected, by simulation.

    The design's other pivots are never suspicious: they only take their shares of the levels.
    """
    rng = np.random.default_rng(derive_seed("power", design.draws))
    silent = [Pivot("silent", 0.0, 0.0, 1.0)] * (design.pivots - 1)

    def rejected() -> bool:
        return decide(lambda n, _stage: [pivot(noise(rng, n)), *silent], draws=design.draws, level=design.level).rejected

    runs = [any(rejected() for _ in range(design.examples)) for _ in range(400)]
    return sum(runs) / len(runs)


@pytest.mark.parametrize(("examples", "pivots", "power"), [(1, 1, 0.5), (6, 1, 0.9), (6, 20, 0.9)])
def test_the_smallest_scale_error_is_found_as_often_as_it_says(examples: int, pivots: int, power: float) -> None:
    design = Design(draws=300, level=1e-4, examples=examples, pivots=pivots)
    error = smallest_scale_error(design, power)
    share = detected(lambda rng, n: (1 + error) * rng.standard_normal(n), variance_pivot, design)
    assert share == pytest.approx(power, abs=4 * math.sqrt(power * (1 - power) / 400))


@pytest.mark.parametrize(("examples", "pivots", "power"), [(1, 1, 0.5), (6, 1, 0.9), (6, 20, 0.9)])
def test_the_smallest_mean_shift_is_found_as_often_as_it_says(examples: int, pivots: int, power: float) -> None:
    design = Design(draws=300, level=1e-4, examples=examples, pivots=pivots)
    shift = smallest_mean_shift(design, power)
    share = detected(lambda rng, n: shift + rng.standard_normal(n), mean_pivot, design)
    assert share == pytest.approx(power, abs=4 * math.sqrt(power * (1 - power) / 400))


@pytest.mark.parametrize("smallest", [smallest_scale_error, smallest_mean_shift])
def test_more_draws_more_examples_and_a_looser_level_find_less(smallest: Callable[..., float]) -> None:
    design = Design(draws=500, level=1e-8, examples=4)
    plain = smallest(design)
    assert smallest(replace(design, draws=1000)) < plain
    assert smallest(replace(design, examples=8)) < plain
    assert smallest(replace(design, pivots=20)) > plain
    # Where the screen alone limits the power, a looser level changes nothing but the root finder's last digits.
    assert smallest(replace(design, level=1e-3)) <= plain + 1e-5
    assert smallest(design, power=0.5) < plain


def test_what_cannot_be_found_at_all_is_infinite() -> None:
    assert smallest_mean_shift(Design(draws=1, level=1e-300, examples=1)) == math.inf


# the declared powers ------------------------------------------------------------------------------


def drawn(at_least: int, latent_dim: int) -> int:
    """How many draws whole rows of this many dimensions make."""
    return math.ceil(at_least / latent_dim) * latent_dim


def rep_02_design(draws: int) -> Design:
    """The size of REP-02's test with so many draws in the screen."""
    examples = sampling.REP_02_EXAMPLES
    return Design(draws=draws, level=share("REP-02") / (examples + 1), examples=examples, pivots=noise.PIVOTS)


@pytest.mark.parametrize("latent_dim", LATENT_DIMS)
def test_rep_02_has_the_power_it_declares(latent_dim: int) -> None:
    design = rep_02_design(drawn(sampling.REP_02_DRAWS, latent_dim))
    assert smallest_scale_error(design) <= sampling.REP_02_SCALE_ERROR
    assert smallest_mean_shift(design) <= sampling.REP_02_MEAN_SHIFT
    assert shrunk_scale_power(design, 1 - sampling.REP_02_SCALE_ERROR) >= DECLARED_POWER


@pytest.mark.parametrize("latent_dim", [*LATENT_DIMS, 3, 7])
def test_no_more_pivots_are_tested_than_the_declared_power_counts(latent_dim: int) -> None:
    counts = [len(noise.standard_normal_pivots(np.random.default_rng(0).standard_normal((items, latent_dim)))) for items in (4, 7, 64)]
    assert max(counts) <= noise.PIVOTS
    assert latent_dim < 8 or max(counts) == noise.PIVOTS


def shrunk_scale_power(design: Design, scale: float) -> float:
    """The power against a sigma that is too small, by the exact chi-squared law."""

    def reject(n: int, level: float) -> float:
        return float(stats.chi2.cdf(stats.chi2.ppf(level / design.pivots / 2, n) / scale**2, n))

    one = reject(design.draws, SCREEN_LEVEL) * reject(CONFIRMATION_FACTOR * design.draws, design.level)
    return 1 - (1 - one) ** design.examples


def kl_moments(code: ConstantCode) -> tuple[float, float]:
    """The KL a dimension, and the standard deviation of log q - log p of one draw, as `MonteCarloKL` has them."""
    s2 = math.exp(code.logvar)
    return (code.mu**2 + math.expm1(code.logvar) - code.logvar) / 2, math.sqrt((s2 - 1) ** 2 / 2 + code.mu**2 * s2)


def kl_detection(code: ConstantCode, factor: float, draws: int, level: float) -> float:
    """The probability that both stages reject a KL wrong by the factor at this code, the sums taken for normal."""
    value, spread = kl_moments(code)
    if value == 0.0:
        return 0.0

    def reject(n: int, alpha: float) -> float:
        return float(stats.norm.sf(stats.norm.isf(alpha / 2) - abs(factor - 1) * value * math.sqrt(n) / spread))

    return reject(draws, SCREEN_LEVEL) * reject(CONFIRMATION_FACTOR * draws, level)


@pytest.fixture(scope="module")
def kl_02_examples() -> list[list[ConstantCode]]:
    """The examples that KL-02 draws in each of many runs."""
    runs = []
    for seed in range(40):
        seen: list[ConstantCode] = []
        explore(ClaimContext("KL-02", seed), constant_codes(), seen.append, examples=kl.KL_02_EXAMPLES, simplify=False)
        runs.append(seen)
    return runs


def kl_02_power(runs: Sequence[Sequence[ConstantCode]], factor: float, latent_dim: int) -> float:
    """The probability that a run of KL-02 finds a KL that is wrong by the factor, over its own examples."""
    draws, level = drawn(kl.KL_02_DRAWS, latent_dim), share("KL-02") / kl.KL_02_EXAMPLES
    return float(np.mean([1 - math.prod(1 - kl_detection(code, factor, draws, level) for code in run) for run in runs]))


@pytest.mark.parametrize("latent_dim", LATENT_DIMS)
def test_kl_02_has_the_power_it_declares(kl_02_examples: list[list[ConstantCode]], latent_dim: int) -> None:
    assert all(len(run) == kl.KL_02_EXAMPLES for run in kl_02_examples)
    for factor in (kl.KL_02_SMALLEST_FACTOR, 1 / kl.KL_02_SMALLEST_FACTOR):
        assert kl_02_power(kl_02_examples, factor, latent_dim) >= DECLARED_POWER


def test_a_power_that_cannot_be_had_would_be_noticed(kl_02_examples: list[list[ConstantCode]]) -> None:
    assert kl_02_power(kl_02_examples, 1.005, 2) < DECLARED_POWER
    assert smallest_scale_error(rep_02_design(4096)) > 0.01
    assert smallest_mean_shift(rep_02_design(4096)) > 0.01


@pytest.mark.parametrize("code", [ConstantCode(0.5, -1.0), ConstantCode(-3.0, 0.4), ConstantCode(0.3, 0.0)])
def test_the_power_law_of_kl_02_is_that_of_simulated_decisions(code: ConstantCode) -> None:
    """Sums are drawn from their exact law: a (u + b/a)^2 summed is noncentral chi-squared."""
    value, spread = kl_moments(code)
    draws, level = 256, 1e-4
    factor = 1 + 2.6 * spread / value / math.sqrt(draws)
    rng = np.random.default_rng(derive_seed("KL-02", code))
    a, b = math.expm1(code.logvar) / 2, code.mu * math.exp(code.logvar / 2) / 2
    excess = (factor - 1) * value

    def measure(n: int, _stage: int) -> list[Pivot]:
        total = a * rng.noncentral_chisquare(n, n * (b / a) ** 2) - n * b * b / a if a else rng.normal(0, 2 * abs(b) * math.sqrt(n))
        return [Pivot("sum", total, 0.0, quadratic_tail(total - n * excess, n, a, b))]

    share = np.mean([decide(measure, draws=draws, level=level).rejected for _ in range(600)])
    assert share == pytest.approx(kl_detection(code, factor, draws, level), abs=0.1)


@pytest.mark.parametrize("factor", [kl.KL_02_SMALLEST_FACTOR, 1 / kl.KL_02_SMALLEST_FACTOR, 2.0, -1.0])
def test_kl_02_itself_rejects_a_kl_wrong_by_a_factor(factor: float) -> None:
    for seed in range(8):
        subject = fake(kl=lambda mu, logvar: factor * 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(1))
        verdict = asked("KL-02", subject, seed)
        assert verdict.outcome is Outcome.VIOLATED
        assert verdict.measured["ratio"] == pytest.approx(factor, rel=0.05)
        assert verdict.diagnosis in {2.0: ["missing-half"], -1.0: ["kl-sign", None]}.get(factor, [None])


# false alarms of the claims -----------------------------------------------------------------------


@pytest.mark.parametrize("claim", STATISTICAL)
@pytest.mark.parametrize("latent_dim", [1, 3])
def test_sound_code_raises_no_alarm(claim: str, latent_dim: int) -> None:
    for seed in range(4):
        verdict = asked(claim, fake(facts=facts(latent_dim=latent_dim)), seed)
        assert verdict.outcome is Outcome.HOLDS, verdict.message


@pytest.mark.parametrize("claim", STATISTICAL)
def test_float32_code_raises_no_alarm(claim: str) -> None:
    subject = fake(
        kl=lambda mu, logvar: -0.5 * (1 + logvar.float() - mu.float() ** 2 - logvar.float().exp()).sum(1),
        sample=lambda mu, logvar, eps: mu.float() + (0.5 * logvar.float()).exp() * eps.float(),
    )
    for seed in range(4):
        assert asked(claim, subject, seed).outcome is Outcome.HOLDS


@pytest.mark.parametrize(
    "floored",
    [
        lambda mu, logvar: -0.5 * (1 + torch.log(1e-8 + logvar.exp()) - mu**2 - logvar.exp()).sum(1),
        lambda mu, logvar: 0.5 * (mu**2 + logvar.exp() - 1 - 2 * torch.log(torch.exp(0.5 * logvar) + 1e-6)).sum(1),
    ],
)
def test_kl_02_takes_a_floor_far_below_its_power_for_what_it_is(
    floored: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
) -> None:
    """At the prior a floor leaves 1e-8 to 1e-6 of a nat, against a Monte Carlo estimate that is exactly zero there."""
    verdict = asked("KL-02", fake(kl=floored), 0)
    assert verdict.outcome is Outcome.HOLDS, verdict.message


@pytest.mark.parametrize("claim", STATISTICAL)
def test_a_claim_spends_no_more_than_its_share(claim: str, monkeypatch: pytest.MonkeyPatch) -> None:
    levels: list[float] = []

    def recorded(measure: Callable[[int, int], Sequence[Pivot]], *, draws: int, level: float) -> Decision:
        levels.append(level)
        return decide(measure, draws=draws, level=level)

    check = CLAIMS[claim].check
    assert isinstance(check, FunctionType)
    monkeypatch.setitem(check.__globals__, "decide", recorded)
    asked(claim, fake(), 0)
    assert levels
    assert sum(levels) <= share(claim) * (1 + 1e-9)


def test_kl_02_draws_what_it_declares() -> None:
    subject = FakeSubject(facts=facts(latent_dim=5))
    asked("KL-02", cast("Subject", subject), 0)
    screens = [size for size in subject.drawn if size < 2 * kl.KL_02_DRAWS]
    assert len(screens) == kl.KL_02_EXAMPLES
    assert min(screens) >= kl.KL_02_DRAWS
