"""A weight of the KL that is the loss's own default, and a KL whose other term the suite supplies: what is judged, and in which units."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from binding_samples import Layers, Native, bound, cross_entropy, divergence, noisy
from torch import Tensor

from vae_spec.context import ClaimContext
from vae_spec.judging import ask
from vae_spec.outcomes import Verdict
from vae_spec.registry import CLAIMS
from vae_spec.subject import Subject

EXACT_OF_THE_LOSS = ("OBJ-01", "OBJ-02", "OBJ-03", "OBJ-04", "KL-01", "KL-03", "KL-04", "KL-05")


class Weighed(Native):
    """Its KL weighs a tenth where nobody says otherwise; the KL that it reports has no weight."""

    def loss(self, x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor, beta: float = 0.1) -> Any:
        reconstruction, kl = cross_entropy(x_hat, x).sum(), divergence(mu, logvar).sum()
        return reconstruction + beta * kl, reconstruction, kl


class Squared(Native):
    """Squared error without its 1/2, and a weight under another name; the KL that it reports has no weight."""

    def loss(self, x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor, kld_weight: float = 0.005) -> Any:
        reconstruction, kl = (x_hat - x).square().sum(), divergence(mu, logvar).sum()
        return reconstruction + kld_weight * kl, reconstruction, kl


class ReportsWeighed(Native):
    """The weight stands in the line, and the KL is reported with it."""

    def loss(self, x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Any:
        reconstruction, kl = cross_entropy(x_hat, x).sum(), 0.005 * divergence(mu, logvar).sum()
        return reconstruction + kl, reconstruction, kl


class Inline(ReportsWeighed):
    """The weight stands in the line, and the KL is reported without it."""

    def loss(self, x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Any:
        reconstruction, kl = cross_entropy(x_hat, x).sum(), divergence(mu, logvar).sum()
        return reconstruction + 0.1 * kl, reconstruction, kl


def asked(subject: Subject, claim: str) -> Verdict:
    """The verdict of one exact claim."""
    return ask(CLAIMS[claim], subject, ClaimContext(claim, 0, examples=10, level=1e-9))


def violated(subject: Subject) -> list[str]:
    """Which exact claims about the loss it violates."""
    return [claim for claim in EXACT_OF_THE_LOSS if asked(subject, claim).outcome.value == "violated"]


@pytest.mark.parametrize(("made", "weight"), [(Weighed, 0.1), (Squared, 0.005), (Inline, 0.1), (ReportsWeighed, 0.005)])
def test_a_weight_that_the_author_put_there_is_a_declaration(made: type[Native], weight: float) -> None:
    subject = bound(made)
    assert violated(subject) == []
    assert subject.facts.effective_beta == pytest.approx(weight)
    (said,) = subject.facts.declared
    assert said.startswith(f"the KL weighs {weight:g} (line ")


def test_the_weight_is_named_with_its_line() -> None:
    assert "reconstruction + kld_weight * kl, reconstruction, kl)" in bound(Squared).facts.declared[0]
    assert "where none is named, the KL that it reports weighs 0.005" in asked(bound(Squared), "OBJ-01").message


@pytest.mark.parametrize(("made", "weight"), [(Weighed, 0.1), (Squared, 0.0025), (Squared, 0.005), (Inline, 0.1), (ReportsWeighed, 0.005)])
def test_declared_rightly_all_holds(made: type[Native], weight: float) -> None:
    assert violated(bound(made, effective_beta=weight)) == []


@pytest.mark.parametrize(("made", "weight"), [(Weighed, 0.2), (Squared, 0.05), (Inline, 1.0)])
def test_declared_wrongly_it_is_rejected(made: type[Native], weight: float) -> None:
    assert "OBJ-02" in violated(bound(made, effective_beta=weight))


@pytest.mark.parametrize("beta", [0.0, 0.5, 4.0])
def test_betas_count_in_units_of_the_own_weight(beta: float) -> None:
    """A training at beta = 1 is the author's own, so that a sweep goes up and down from there."""
    subject = bound(Weighed)
    assert subject.facts.own_beta == pytest.approx(0.1)
    x, mu, logvar = torch.full((4, 1, 8, 8), 0.3), torch.ones(4, 3), torch.zeros(4, 3)
    plain, given = subject.terms((x,), x, mu, logvar), subject.terms((x,), x, mu, logvar, beta=beta)
    gap = float(plain.total) - float(plain.reconstruction)
    assert float(given.total) - float(given.reconstruction) == pytest.approx(beta * gap, rel=1e-4, abs=1e-4)


def test_a_total_without_a_kl_has_none() -> None:
    class Without(Native):
        def loss(self, x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Any:
            reconstruction, kl = cross_entropy(x_hat, x).sum(), divergence(mu, logvar).sum()
            return reconstruction + 0.0 * kl, reconstruction, kl

    verdict = asked(bound(Without), "OBJ-01")
    assert (verdict.outcome.value, verdict.diagnosis) == ("violated", "autoencoder-plus-noise")


# the model's KL alone ---------------------------------------------------------------------------------------------------------------------


class GivesItsKL(Layers):
    """Forward gives the output and the KL; the script adds the other term."""

    factor = 1.0

    def encode(self, x: Tensor) -> Any:
        return self.heads(x)

    def decode(self, z: Tensor) -> Any:
        return self.layers(z)

    def forward(self, x: Tensor) -> Any:
        mu, logvar = self.encode(x)
        kl = self.factor * self.divergence(mu, logvar).sum() / x.numel()
        return self.decode(noisy(mu, logvar)), kl

    def divergence(self, mu: Tensor, logvar: Tensor) -> Tensor:
        return divergence(mu, logvar)


def test_a_kl_beside_a_supplied_term_is_judged_up_to_a_factor() -> None:
    subject = bound(GivesItsKL)
    assert subject.facts.kl_alone
    assert violated(subject) == []
    verdict = asked(subject, "OBJ-02")
    assert verdict.outcome.value == "not-applicable"
    assert "the suite supplies" in verdict.message


def test_its_form_and_its_sign_are_judged_all_the_same() -> None:
    class Reversed(GivesItsKL):
        def divergence(self, mu: Tensor, logvar: Tensor) -> Tensor:
            return 0.5 * (logvar + (1 + mu**2) * torch.exp(-logvar) - 1).sum(1)

    class Negative(GivesItsKL):
        factor = -1.0

    assert asked(bound(Reversed), "KL-03").diagnosis == "kl-reversed"
    assert {"OBJ-02", "KL-01", "KL-03"} <= set(violated(bound(Negative)))
