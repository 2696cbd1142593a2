"""What is seen of a trained subject: the effective beta that it optimised, and held-out items."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from binding_samples import Bound, Native, Script, bound, loss_function
from torch import Tensor

from vae_conformance.data.datasets import digits, render
from vae_conformance.experiments.observe_held_out import held_out, loss_scale, stationarity
from vae_conformance.experiments.trainer import train
from vae_reference import VAE
from vae_spec.evidence import HeldOut, Recipe, Stationarity

DIGITS = digits()
TRAIN, TEST = (render(images, (1, 8, 8), (0.0, 1.0)) for images in (DIGITS.train, DIGITS.test))
RECIPE = Recipe("digits", steps=600, batch=128, learning_rate=3e-3, seed=1)


class Small(VAE):
    """The reference at the digits' size."""

    def __init__(self) -> None:
        super().__init__((1, 8, 8), 64, 8)


class WithoutHalf(Small):
    """Its KL lacks the factor 1/2."""

    def loss(self, x_hat: Any, x: Tensor, mu: Tensor, logvar: Tensor, beta: float = 1.0) -> Any:
        _total, reconstruction, kl = super().loss(x_hat, x, mu, logvar)
        return reconstruction + 2 * beta * kl, reconstruction, 2 * kl


class Summed(Small):
    """Its loss is a total over the batch."""

    def loss(self, x_hat: Any, x: Tensor, mu: Tensor, logvar: Tensor, beta: float = 1.0) -> Any:
        return tuple(len(x) * term for term in super().loss(x_hat, x, mu, logvar, beta))


def trained(kind: type[Small], recipe: Recipe = RECIPE) -> Bound:
    subject = bound(kind)
    subject.load(train(subject, recipe, TRAIN).state)
    return subject


@pytest.fixture(scope="module")
def small() -> Bound:
    torch.set_num_threads(1)
    return trained(Small)


def optimised(subject: Bound) -> Stationarity:
    found = stationarity(subject, TRAIN, loss_scale(subject, 1024))
    assert found is not None
    assert found.items == 1024
    assert found.kl > 0.5
    assert 0 < found.standard_error < 0.1
    return found


def test_training_optimised_the_elbo(small: Bound) -> None:
    assert optimised(small).beta == pytest.approx(1.0, abs=0.1)


def test_a_kl_without_its_half_counts_twice() -> None:
    assert optimised(trained(WithoutHalf)).beta == pytest.approx(2.0, abs=0.2)


@pytest.mark.parametrize("beta", [0.5, 2.0])
def test_the_beta_of_the_recipe_is_found(beta: float) -> None:
    assert optimised(trained(Small, replace(RECIPE, beta=beta))).beta == pytest.approx(beta, rel=0.12)


def test_totals_over_the_batch_are_the_same_objective() -> None:
    assert optimised(trained(Summed)).beta == pytest.approx(1.0, abs=0.12)


def test_it_is_measured_with_the_suites_own_noise(small: Bound) -> None:
    torch.manual_seed(1)
    first = optimised(small)
    torch.manual_seed(2)
    assert optimised(small) == first


def test_without_a_known_scale_there_is_no_number(small: Bound) -> None:
    assert stationarity(small, TRAIN, None) is None


def look(subject: Bound, scale: float | None) -> HeldOut:
    return held_out(subject, TRAIN, TEST, scale)


def test_held_out_items_of_a_trained_vae(small: Bound) -> None:
    seen = look(small, loss_scale(small, 128))
    assert seen.items == len(TEST)
    assert seen.r2_shuffled < 0 < 0.3 < seen.r2 < seen.r2_mean_code < 1
    assert seen.kl_per_dim.shape == seen.mu_variance.shape == (8,)
    assert (seen.kl_per_dim > 0).all()
    assert seen.reported_kl == pytest.approx(seen.analytic_kl, rel=1e-4)
    assert seen.analytic_kl == pytest.approx(float(seen.kl_per_dim.sum()), rel=0.15)  # of the first 128 items
    active = seen.kl_per_dim > 0.2
    assert seen.mu_variance[active].min() > seen.mu_variance[~active].max()
    again = look(small, loss_scale(small, 128))
    assert np.array_equal(again.kl_per_dim, seen.kl_per_dim)
    assert again.r2 == seen.r2


def test_untrained_it_is_no_better_than_the_mean_image() -> None:
    seen = look(bound(Small), 1.0)
    assert seen.r2 < 0
    assert seen.r2_shuffled < 0
    assert seen.kl_per_dim.sum() < 1


def test_nats_whatever_the_scale() -> None:
    plain, summed = bound(Small), bound(Summed)
    summed.load(plain.state())
    ours, theirs = (look(subject, loss_scale(subject, 128)) for subject in (plain, summed))
    assert theirs.reported_kl == pytest.approx(ours.reported_kl, rel=1e-4)
    assert theirs.reconstruction == pytest.approx(ours.reconstruction, rel=1e-4)


def test_a_kl_without_its_half_is_reported_twice() -> None:
    seen = look(bound(WithoutHalf), 1.0)
    assert seen.reported_kl == pytest.approx(2 * seen.analytic_kl, rel=1e-4)


def test_an_unknown_scale_makes_the_numbers_unknown(small: Bound) -> None:
    seen = look(small, None)
    assert math.isnan(seen.reported_kl)
    assert math.isnan(seen.reconstruction)
    assert seen.r2 > 0.3


@pytest.mark.parametrize("batch", [2, 16, 128])
def test_the_scale_of_the_loss(batch: int) -> None:
    assert loss_scale(bound(Native), batch) == pytest.approx(1.0, rel=1e-4)
    assert loss_scale(bound(Script, loss_function), batch) == pytest.approx(batch, rel=1e-4)


def test_no_likelihood_no_scale() -> None:
    class Odd(Native):
        def loss(self, x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor, beta: float = 1.0) -> Any:
            _total, _reconstruction, kl = super().loss(x_hat, x, mu, logvar, beta)
            reconstruction = torch.cosh(5 * (x_hat - x)).sum() / len(x)
            return reconstruction + beta * kl, reconstruction, kl

    subject = bound(Odd)
    assert subject.facts.likelihood is None
    assert loss_scale(subject, 4) is None
