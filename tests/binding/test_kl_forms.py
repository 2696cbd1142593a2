"""Wrong formulas for the KL are recognised by their values, whatever their scale and constant, and the right one is none of them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from vae_spec.claims.kl_forms import WRONG_FORMS, recognise

D = 5


def against(mean: float, std: float, scale: float = 1.0, constant: float = 0.0) -> Callable[[Tensor, Tensor], float]:
    def kl(mu: Tensor, logvar: Tensor) -> float:
        prior = Normal(torch.full_like(mu, mean), torch.full_like(mu, std))
        return scale * float(kl_divergence(Normal(mu, torch.exp(logvar / 2)), prior).sum(1).mean()) + constant

    return kl


@pytest.mark.parametrize(("scale", "constant"), [(1.0, 0.0), (0.01, 3.0), (784.0, -20.0)])
def test_the_divergence_itself_is_no_wrong_form(scale: float, constant: float) -> None:
    assert recognise(against(0.0, 1.0, scale, constant), D) is None


@pytest.mark.parametrize(
    ("mean", "std", "words"),
    [(1.0, 1.0, "N(1, 1)"), (0.0, 0.5, "N(0, 0.25)"), (-2.0, 3.0, "N(-2, 9)"), (0.0, 1.1, "N(0, 1.21)"), (0.01, 1.0, "N(0.01, 1)")],
)
@pytest.mark.parametrize("scale", [1.0, 0.02])
def test_another_prior_is_told_with_its_moments(mean: float, std: float, words: str, scale: float) -> None:
    form = recognise(against(mean, std, scale, 7.0), D)
    assert form is not None
    assert form.mistake == "kl-wrong-prior"
    assert words in form.words
    mu, logvar = torch.tensor([[0.3, -1.0]]).double(), torch.tensor([[0.5, -2.0]]).double()
    assert float(form.formula(mu, logvar).sum()) == pytest.approx(against(mean, std)(mu, logvar), rel=1e-3)


@pytest.mark.parametrize("form", WRONG_FORMS, ids=lambda form: form.words)
def test_each_wrong_form_is_told_from_the_others(form) -> None:
    def kl(mu: Tensor, logvar: Tensor) -> float:
        return 0.3 * float(form.formula(mu, logvar).sum(1).mean()) + 2

    assert recognise(kl, D) is form


def test_a_prior_that_differs_between_dimensions_is_not_told() -> None:
    def kl(mu: Tensor, logvar: Tensor) -> float:
        return float(kl_divergence(Normal(mu, torch.exp(logvar / 2)), Normal(torch.arange(5.0), torch.ones(5))).sum(1).mean())

    assert recognise(kl, D) is None


def test_what_is_no_number_is_not_told() -> None:
    assert recognise(lambda _mu, _logvar: float("nan"), D) is None
