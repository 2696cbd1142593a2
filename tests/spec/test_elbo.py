"""The ELBO's two terms against torch.distributions, and the scales found from a loss's finite changes."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from fakes import REDUCTIONS, Reduction, facts, fake
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.distributions import Bernoulli, ContinuousBernoulli, Independent, Laplace, Normal, OneHotCategorical, Poisson, kl_divergence

from vae_spec import continuous_bernoulli
from vae_spec.context import ClaimContext
from vae_spec.elbo import (
    accepted_weights,
    closed_form_kl,
    kl_weight,
    mean_of,
    nearest_weight,
    negative_log_likelihood,
    reconstruction_fit,
    with_mean,
)
from vae_spec.judging import ask
from vae_spec.outcomes import Outcome
from vae_spec.registry import CLAIMS
from vae_spec.strategies import CodeBatch, code_batches
from vae_spec.subject import Likelihood, Raw, Subject, SubjectFault

quick = settings(max_examples=80, deadline=None, database=None, derandomize=True)
RANGES = {
    Likelihood.BERNOULLI: (0.0, 1.0),
    Likelihood.BERNOULLI_LOGITS: (0.0, 1.0),
    Likelihood.SQUARED_ERROR: (-1.0, 1.0),
    Likelihood.GAUSSIAN: (-1.0, 1.0),
    Likelihood.GAUSSIAN_LOG_STD: (-1.0, 1.0),
    Likelihood.GAUSSIAN_STD: (-1.0, 1.0),
    Likelihood.GAUSSIAN_VARIANCE: (0.0, 1.0),
    Likelihood.LAPLACE: (0.0, 1.0),
    Likelihood.POISSON: (0.0, 16.0),
    Likelihood.POISSON_LOG: (0.0, 16.0),
    Likelihood.CATEGORICAL: (0.0, 1.0),
    Likelihood.CONTINUOUS_BERNOULLI: (0.0, 1.0),
    Likelihood.CONTINUOUS_BERNOULLI_LOGITS: (0.0, 1.0),
}


def rng(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def subject(likelihood: Likelihood, reduction: str = "batch means", **changes: object) -> Subject:
    return fake(
        facts=facts(
            likelihood=likelihood,
            input_range=RANGES[likelihood],
            counts=likelihood.of_counts,
            tokens=likelihood is Likelihood.CATEGORICAL,
        ),
        reconstruction_reduction=REDUCTIONS[reduction],
        kl_reduction=REDUCTIONS[reduction],
        **changes,
    )


# the terms ----------------------------------------------------------------------------------------


@quick
@given(codes=code_batches(), latent_dim=st.integers(1, 9))
def test_the_closed_form_is_the_divergence_of_torch_distributions(codes: CodeBatch, latent_dim: int) -> None:
    mu, logvar = codes.tensors(latent_dim, rng(0))
    posterior = Independent(Normal(mu, torch.exp(0.5 * logvar)), 1)
    expected = kl_divergence(posterior, Independent(Normal(torch.zeros_like(mu), torch.ones_like(mu)), 1))
    found = closed_form_kl(mu, logvar)
    assert found.shape == (codes.batch,)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)
    assert bool((found >= 0).all())


def test_the_closed_form_at_the_prior_near_it_and_over_spatial_codes() -> None:
    zero = torch.zeros(2, 3, dtype=torch.float64)
    assert torch.equal(closed_form_kl(zero, zero), torch.zeros(2, dtype=torch.float64))
    # (exp(l) - 1 - l) / 2 is l^2 / 4 near 0, where a difference of exponentials in float32 would give rounding.
    assert closed_form_kl(zero, zero + 1e-4)[0] == pytest.approx(3 * 1e-8 / 4, rel=1e-3)
    mu, logvar = torch.randn(2, 3, 4, 4, generator=rng(1)), torch.randn(2, 3, 4, 4, generator=rng(2))
    torch.testing.assert_close(closed_form_kl(mu, logvar), closed_form_kl(mu.flatten(1), logvar.flatten(1)))


def log_likelihood(likelihood: Likelihood, raw: Raw, x: torch.Tensor) -> torch.Tensor:
    """log p(x | z) of each item by torch.distributions."""
    law = {
        Likelihood.BERNOULLI: lambda: Bernoulli(probs=raw[0], validate_args=False),
        Likelihood.BERNOULLI_LOGITS: lambda: Bernoulli(logits=raw[0], validate_args=False),
        Likelihood.SQUARED_ERROR: lambda: Normal(raw[0], 1.0),
        Likelihood.GAUSSIAN: lambda: Normal(raw[0], torch.exp(0.5 * raw[1])),
        Likelihood.GAUSSIAN_LOG_STD: lambda: Normal(raw[0], torch.exp(raw[1])),
        Likelihood.GAUSSIAN_STD: lambda: Normal(raw[0], raw[1]),
        Likelihood.GAUSSIAN_VARIANCE: lambda: Normal(raw[0], raw[1].sqrt()),
        Likelihood.LAPLACE: lambda: Laplace(raw[0], 1.0),
        Likelihood.POISSON: lambda: Poisson(raw[0]),
        Likelihood.POISSON_LOG: lambda: Poisson(raw[0].exp()),
        Likelihood.CATEGORICAL: lambda: OneHotCategorical(logits=raw[0]),
        Likelihood.CONTINUOUS_BERNOULLI: lambda: ContinuousBernoulli(probs=raw[0]),
        Likelihood.CONTINUOUS_BERNOULLI_LOGITS: lambda: ContinuousBernoulli(logits=raw[0]),
    }[likelihood]()
    return law.log_prob(x).flatten(1).sum(1)


@pytest.mark.parametrize("likelihood", Likelihood)
@pytest.mark.parametrize("seed", range(3))
def test_the_negative_log_likelihood_is_that_of_torch_distributions_up_to_a_constant(likelihood: Likelihood, seed: int) -> None:
    x = torch.rand(4, 2, 5, generator=rng(seed), dtype=torch.float64)
    x = (16 * x).round() if likelihood.of_counts else x
    x = torch.nn.functional.one_hot(x.argmax(-1), 5).double() if likelihood is Likelihood.CATEGORICAL else x
    first, second = (
        torch.rand(4, 2, 5, generator=rng(seed + 10), dtype=torch.float64),
        torch.randn(4, 2, 5, generator=rng(seed + 20), dtype=torch.float64),
    )
    normal = likelihood.pair or likelihood is Likelihood.SQUARED_ERROR
    constant: float | torch.Tensor = 0.5 * math.log(2 * math.pi) if normal else math.log(2) if likelihood is Likelihood.LAPLACE else 0.0
    constant = torch.lgamma(x + 1).flatten(1).mean(1) if likelihood.of_counts else constant
    positive = likelihood in (Likelihood.GAUSSIAN_STD, Likelihood.GAUSSIAN_VARIANCE)
    raw = (first, second.exp() if positive else second) if likelihood.pair else (first,)
    found = negative_log_likelihood(likelihood, raw, x)
    assert found.shape == (4,)
    torch.testing.assert_close(found, -log_likelihood(likelihood, raw, x) - 10 * constant)
    flat = tuple(one.flatten(1) for one in raw)
    torch.testing.assert_close(negative_log_likelihood(likelihood, flat, x), found)


# the scales ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("likelihood", Likelihood)
@pytest.mark.parametrize("batch", [1, 4, 9])
def test_the_scale_of_each_reduction_is_found_whatever_the_constant(reduction: str, likelihood: Likelihood, batch: int) -> None:
    under = subject(likelihood, reduction, constant=12.5)
    fit = reconstruction_fit(under, likelihood, batch=batch)
    assert fit.good
    assert fit.scale == pytest.approx(REDUCTIONS[reduction](batch, 10), rel=1e-6)
    weight = kl_weight(under, batch=batch)
    assert weight == pytest.approx(REDUCTIONS[reduction](batch, 10), rel=1e-9)
    assert weight / fit.scale == pytest.approx(1.0, rel=1e-6)


SINGLE = [one for one in Likelihood if not one.pair and one is not Likelihood.CATEGORICAL]
CONFUSED = [
    (true, taken)
    for true in SINGLE
    for taken in SINGLE
    if true is not taken
    and (true.takes_logits, taken.takes_logits) != (False, True)
    and (true, taken) != (Likelihood.BERNOULLI, Likelihood.POISSON_LOG)
]


@pytest.mark.parametrize(("true", "taken"), CONFUSED)
def test_no_likelihood_passes_for_another(true: Likelihood, taken: Likelihood) -> None:
    """All pairs of one-tensor likelihoods, but for logits, or logarithms, into binary_cross_entropy, which refuses them."""
    assert not reconstruction_fit(fake(facts=facts(likelihood=true, input_range=(0.0, 1.0))), taken, batch=4).good


@pytest.mark.parametrize("factor", [2.0, 0.004, 784.0])
def test_a_kl_of_another_weight_is_measured_whatever_its_formula(factor: float) -> None:
    assert kl_weight(fake(kl=lambda mu, logvar: factor * closed_form_kl(mu, logvar)), batch=4) == pytest.approx(factor)
    without_variance = fake(kl=lambda mu, logvar: factor * 0.5 * (mu**2).sum(1))
    assert kl_weight(without_variance, batch=4) == pytest.approx(factor)


def test_a_reconstruction_of_the_wrong_sign_or_none_at_all_fits_nothing() -> None:
    negative: Reduction = lambda _items, _entries: -1.0  # noqa: E731
    assert reconstruction_fit(fake(reconstruction_reduction=negative), Likelihood.BERNOULLI, batch=4).scale == pytest.approx(-1.0)
    assert not reconstruction_fit(fake(reconstruction_reduction=negative), Likelihood.BERNOULLI, batch=4).good
    silent: Reduction = lambda _items, _entries: 0.0  # noqa: E731
    assert not reconstruction_fit(fake(reconstruction_reduction=silent), Likelihood.BERNOULLI, batch=4).good


def test_the_scales_depend_on_the_seed_in_their_last_digits_alone() -> None:
    under = subject(Likelihood.SQUARED_ERROR)
    assert reconstruction_fit(under, Likelihood.SQUARED_ERROR, batch=4, seed=3) == reconstruction_fit(
        under, Likelihood.SQUARED_ERROR, batch=4, seed=3
    )
    assert reconstruction_fit(under, Likelihood.SQUARED_ERROR, batch=4, seed=4).scale == pytest.approx(1.0)


def test_a_fault_of_the_loss_goes_through() -> None:
    broken = fake(fault=SubjectFault("loss", "RuntimeError"))
    with pytest.raises(SubjectFault, match="loss: RuntimeError"):
        reconstruction_fit(broken, Likelihood.BERNOULLI, batch=4)
    with pytest.raises(SubjectFault, match="loss: RuntimeError"):
        kl_weight(broken, batch=4)


# the accepted weights -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("likelihood", "declared", "accepted"),
    [
        (Likelihood.BERNOULLI, None, (1.0,)),
        (Likelihood.LAPLACE, None, (1.0,)),
        (None, None, (1.0,)),
        (Likelihood.SQUARED_ERROR, None, (1.0, 0.5)),
        (Likelihood.SQUARED_ERROR, 2.4, (2.4, 1.2)),
        (Likelihood.BERNOULLI, 0.004, (0.004,)),
    ],
)
def test_accepted_weights(likelihood: Likelihood | None, declared: float | None, accepted: tuple[float, ...]) -> None:
    assert accepted_weights(facts(likelihood=likelihood, effective_beta=declared)) == accepted


@pytest.mark.parametrize(
    ("weight", "nearest"),
    [(1.0, 1.0), (0.5, 0.5), (0.72, 1.0), (0.7, 0.5), (0.01, 0.5), (100.0, 1.0), (0.0, 0.5), (-1.0, 1.0), (-0.4, 0.5)],
)
def test_the_nearest_weight_is_nearest_in_ratio(weight: float, nearest: float) -> None:
    found = nearest_weight(weight, (1.0, 0.5))
    assert found == nearest or weight == 0
    assert found in (1.0, 0.5)


# what OBJ-02 says of the scales -------------------------------------------------------------------


def weighed(**changes: object) -> tuple[Outcome, str, str | None]:
    verdict = ask(CLAIMS["OBJ-02"], fake(**changes), ClaimContext("OBJ-02", 0))
    return verdict.outcome, verdict.message, verdict.diagnosis


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_consistent_reductions_weigh_one(reduction: str) -> None:
    outcome, message, _ = weighed(reconstruction_reduction=REDUCTIONS[reduction], kl_reduction=REDUCTIONS[reduction])
    assert outcome is Outcome.HOLDS
    assert "effective beta 1 " in message


@pytest.mark.parametrize(
    ("reconstruction", "kl", "words", "mistake"),
    [
        ("means over everything", "batch means", "a hidden beta of 10", "recon-mean-kl-sum"),
        ("batch means", "means over everything", "divided by the 10 entries", "kl-mean-recon-sum"),
        ("sums", "batch means", ": it falls", "terms-scale-with-batch"),
        ("batch means", "sums", ": it grows", "terms-scale-with-batch"),
    ],
)
def test_reductions_that_do_not_go_together_are_named(reconstruction: str, kl: str, words: str, mistake: str) -> None:
    outcome, message, diagnosis = weighed(reconstruction_reduction=REDUCTIONS[reconstruction], kl_reduction=REDUCTIONS[kl])
    assert outcome is Outcome.VIOLATED
    assert diagnosis == mistake
    assert words in message


@pytest.mark.parametrize(
    ("factor", "mistake"),
    [
        (2.0, "missing-half"),
        (-1.0, "kl-sign"),
        (-3.3, "kl-sign"),
        (1 / 3, "kl-mean-recon-sum"),
        (0.0, "autoencoder-plus-noise"),
        (1.37, None),
    ],
)
def test_a_kl_of_another_weight_is_named(factor: float, mistake: str | None) -> None:
    outcome, _, diagnosis = weighed(kl=lambda mu, logvar: factor * closed_form_kl(mu, logvar))
    assert (outcome, diagnosis) == (Outcome.VIOLATED, mistake)


def test_a_declared_weight_is_accepted_and_the_plain_one_is_then_not() -> None:
    declared = facts(effective_beta=2.4)
    assert weighed(facts=declared, kl=lambda mu, logvar: 2.4 * closed_form_kl(mu, logvar))[0] is Outcome.HOLDS
    assert weighed(facts=declared)[0] is Outcome.VIOLATED


# means -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("likelihood", SINGLE)
def test_the_output_of_a_mean_has_that_mean(likelihood: Likelihood) -> None:
    wanted = torch.linspace(0.04, 0.96, 93, dtype=torch.float64)
    torch.testing.assert_close(mean_of(likelihood, with_mean(likelihood, wanted)), wanted, rtol=1e-7, atol=1e-12)


@given(st.floats(-25, 25))
@quick
def test_the_continuous_bernoulli_is_that_of_torch_distributions(eta: float) -> None:
    given_eta = torch.tensor([eta], dtype=torch.float64)
    # PyTorch takes series around 0 itself, which here are kept out.
    law = ContinuousBernoulli(logits=given_eta, lims=(0.5 - 1e-7, 0.5 + 1e-7))
    x = torch.tensor([0.3], dtype=torch.float64)
    near = abs(eta) < 1e-2
    expected = torch.tensor([0.3 * eta - eta / 2 - eta**2 / 24]).double() if near else law.log_prob(x)
    torch.testing.assert_close(given_eta * x - continuous_bernoulli.log_partition(given_eta), expected, rtol=1e-6, atol=1e-8)
    mean = torch.tensor([0.5 + eta / 12]).double() if near else law.mean
    torch.testing.assert_close(continuous_bernoulli.mean(given_eta), mean, rtol=1e-6, atol=1e-6)


def test_the_mean_is_the_slope_of_the_log_partition() -> None:
    eta = torch.tensor([-40.0, -3.0, -0.1, -0.0999, 0.0, 1e-9, 0.0999, 0.1, 2.0, 300.0], dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(continuous_bernoulli.log_partition(eta).sum(), eta)
    torch.testing.assert_close(slope, continuous_bernoulli.mean(eta.detach()), rtol=1e-8, atol=1e-10)


def test_an_output_beyond_the_parameters_range_is_told_as_it_is() -> None:
    outside = torch.tensor([-0.5, 1.5, float("nan")])
    torch.testing.assert_close(mean_of(Likelihood.CONTINUOUS_BERNOULLI, outside), outside, equal_nan=True)


@pytest.mark.parametrize(
    "formula",
    [
        lambda mu, _logvar: 0.5 * (mu**2).sum(1),
        lambda _mu, logvar: 0.5 * (logvar.exp() - logvar - 1).sum(1),
        lambda mu, logvar: 0.5 * (mu**2 + (logvar.exp() - logvar - 1).clamp(min=0) * (logvar > 0)).sum(1),
    ],
    ids=["of the means alone", "of the widths alone", "of wide posteriors alone"],
)
def test_a_kl_that_misses_a_term_is_rejected_by_kl_01_whatever_the_seed(
    formula: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
) -> None:
    outcomes = {ask(CLAIMS["KL-01"], fake(kl=formula), ClaimContext("KL-01", seed=seed, examples=2)).outcome for seed in range(20)}
    assert outcomes == {Outcome.VIOLATED}
