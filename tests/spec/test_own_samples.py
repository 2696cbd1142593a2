"""SMP-05 on methods of sampling that are right, that encode, and that draw from something else."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

import pytest
import torch
from fakes import facts, parts
from torch import Tensor

from vae_spec.claims.own_samples import DRAWS
from vae_spec.context import ClaimContext
from vae_spec.judging import ask
from vae_spec.outcomes import Outcome, Verdict
from vae_spec.registry import CLAIMS, share
from vae_spec.subject import Facts, Noise, OwnSamples, Standing, Subject, SubjectFault

Codes = Callable[[int, torch.Generator, int], Tensor]
"""(count, generator, initialisation) -> codes."""


def right(count: int, stream: torch.Generator, _weights: int) -> Tensor:
    return torch.randn(count, 3, generator=stream)


def encoded(count: int, stream: torch.Generator, weights: int) -> Tensor:
    """What an untrained encoder makes of noise: next to N(0, I), by 1 % of it that depends on the weights."""
    return torch.randn(count, 3, generator=stream) + 0.01 * torch.randn(3, generator=torch.Generator().manual_seed(weights))


@dataclass
class Sampling:
    """A subject with nothing but a method of sampling, which may add what the last pass has left on the model."""

    codes: Codes | None = right
    encodes: bool = False
    hidden: bool = False
    changed: tuple[str, ...] = ()
    left: bool = False
    facts: Facts = field(default_factory=facts)
    asked: list[int] = field(default_factory=list)
    last: Tensor = field(default_factory=lambda: torch.zeros(1))

    def own_samples(self, count: int, noise: Noise, *, fresh: int | None = None) -> OwnSamples | None:
        self.asked.append(count)
        if self.codes is None:
            return None
        drawn = self.codes(count, torch.Generator().manual_seed(noise.seed), fresh or 0)
        codes = drawn + self.last.mean() if self.left else drawn
        return OwnSamples(f"sample(n={count})", None if self.hidden else codes, self.encodes, changed=self.changed)

    def forward(self, x: Tensor, _noise: Noise) -> None:
        self.last = x


def verdict(subject: object, seed: int = 0) -> Verdict:
    return ask(CLAIMS["SMP-05"], cast("Subject", subject), ClaimContext("SMP-05", seed, level=share("SMP-05")))


@pytest.mark.parametrize("seed", range(5))
def test_draws_from_the_prior_are_accepted(seed: int) -> None:
    subject = Sampling()
    found = verdict(subject, seed)
    assert found.outcome is Outcome.HOLDS
    assert "N(0, I)" in found.message
    assert max(subject.asked) * 3 >= DRAWS


@pytest.mark.parametrize(("subject", "why"), [(Sampling(codes=None), "no method"), (Sampling(hidden=True), "cannot be seen")])
def test_it_does_not_concern_what_cannot_be_seen(subject: Sampling, why: str) -> None:
    found = verdict(subject)
    assert found.outcome is Outcome.NOT_APPLICABLE
    assert why in found.message


def test_codes_from_an_untrained_encoder_are_told_by_the_weights() -> None:
    found = verdict(Sampling(codes=encoded, encodes=True))
    assert (found.outcome, found.diagnosis) == (Outcome.VIOLATED, "sample-by-encoding-noise")
    assert "under one seed" in found.message


def test_codes_that_depend_on_the_weights_without_the_encoder_have_another_reason() -> None:
    found = verdict(Sampling(codes=encoded))
    assert (found.outcome, found.diagnosis) == (Outcome.VIOLATED, None)


def test_an_encoder_that_runs_for_another_reason_is_no_fault() -> None:
    assert verdict(Sampling(encodes=True)).outcome is Outcome.HOLDS


def test_in_a_ready_instance_the_encoder_s_call_is_what_can_be_seen() -> None:
    ready = facts(parts=parts(TRAINING=Standing.REPLACED))
    found = verdict(Sampling(encodes=True, facts=ready))
    assert (found.outcome, found.diagnosis) == (Outcome.VIOLATED, "sample-by-encoding-noise")
    assert verdict(Sampling(facts=ready)).outcome is Outcome.HOLDS


@pytest.mark.parametrize(
    ("codes", "diagnosis"),
    [
        (lambda count, stream, _weights: torch.rand(count, 3, generator=stream), "eps-from-rand"),
        (lambda count, stream, _weights: 1.1 * torch.randn(count, 3, generator=stream), None),
        (lambda count, stream, _weights: torch.randn(count, 3, generator=stream) + 0.15, None),
        (lambda count, stream, _weights: 0.5 * torch.randn(count, 3, generator=stream), "eps-shrunk"),
        (lambda count, stream, _weights: torch.randn(count, 3, generator=stream).clamp(-2, 2), "eps-shrunk"),
        (lambda count, stream, _weights: math.sqrt(12) * (torch.rand(count, 3, generator=stream) - 0.5), "eps-from-rand"),
        (lambda count, stream, _weights: torch.randn(count, 1, generator=stream).expand(count, 3), "eps-shared"),
        (lambda count, stream, _weights: torch.randn(1, 3, generator=stream).expand(count, 3), None),
        (lambda count, _stream, _weights: torch.randn(count, 3, generator=torch.Generator().manual_seed(0)), "eps-shared"),
        (lambda count, stream, _weights: torch.zeros(count, 3), "eps-shared"),
    ],
)
def test_other_draws_are_rejected(codes: Codes, diagnosis: str | None) -> None:
    found = verdict(Sampling(codes=codes))
    assert (found.outcome, found.diagnosis) == (Outcome.VIOLATED, diagnosis)


def test_codes_that_the_last_pass_has_left_are_none_of_the_prior() -> None:
    found = verdict(Sampling(left=True))
    assert (found.outcome, found.diagnosis) == (Outcome.VIOLATED, "sample-by-encoding-noise")
    assert "went through forward before" in found.message
    inline = facts(parts=parts(FORWARD=Standing.MISSING))
    assert verdict(Sampling(left=True, facts=inline)).outcome is Outcome.HOLDS  # without a forward pass there is nothing to be left


def test_a_method_that_leaves_the_model_changed_is_a_violation() -> None:
    found = verdict(Sampling(changed=("requires_grad of its parameters",)))
    assert (found.outcome, found.diagnosis) == (Outcome.VIOLATED, None)
    assert "leaves the model changed" in found.message


def test_noise_that_no_seed_reaches_is_left_to_statistics() -> None:
    loose = torch.Generator().manual_seed(1)
    assert verdict(Sampling(codes=lambda count, _stream, _weights: torch.randn(count, 3, generator=loose))).outcome is Outcome.HOLDS


def test_a_method_that_fails_is_a_violation() -> None:
    class Failing(Sampling):
        def own_samples(self, count: int, noise: Noise, *, fresh: int | None = None) -> OwnSamples | None:
            raise SubjectFault("sampling method", "raised RuntimeError: no GPU", "cuda-always")

    found = verdict(Failing())
    assert (found.outcome, found.diagnosis) == (Outcome.VIOLATED, "cuda-always")
