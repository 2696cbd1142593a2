"""INT-03 on a linear subject whose output depends on its code alone, and on ones where something else reaches it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

import pytest
import torch
from fakes import facts
from torch import Tensor

from vae_spec.context import ClaimContext
from vae_spec.judging import ask
from vae_spec.outcomes import Outcome, Verdict
from vae_spec.registry import CLAIMS
from vae_spec.subject import Facts, Mode, Noise, Pass, Posterior, Raw, Subject

ENCODER = torch.linspace(-1, 1, 30).reshape(10, 3)
DECODER = torch.linspace(-2, 1, 30).reshape(3, 10)


@dataclass
class Linear:
    """Mu is linear in x, the output in z; `shortcut` lets x past the code, `coupling` the other codes of a batch."""

    shortcut: float = 0.0
    coupling: float = 0.0
    flat: bool = False
    facts: Facts = field(default_factory=facts)
    noises: list[tuple[Noise, Mode]] = field(default_factory=list)

    def posterior(self, x: Tensor, *, mode: Mode = Mode.EVAL, seed: int = 0) -> Posterior:
        mu = x.flatten(1) @ ENCODER
        return Posterior(mu, torch.zeros_like(mu))

    def decode(self, z: Tensor, *, mode: Mode = Mode.EVAL, seed: int = 0) -> Raw:
        mean = (z + self.coupling * z.mean(0)) @ DECODER
        return (mean if self.flat else mean.reshape(-1, 2, 5), torch.zeros(len(z), 10))

    def forward(self, x: Tensor, noise: Noise, *, mode: Mode = Mode.TRAIN) -> Pass:
        self.noises.append((noise, mode))
        there = self.posterior(x)
        z = there.mu if noise.zero else there.mu + 1
        mean, spread = self.decode(z)
        return Pass((mean.reshape(x.shape) + self.shortcut * x, spread), there.mu, there.logvar, z)


def verdict(subject: Linear) -> Verdict:
    return ask(CLAIMS["INT-03"], cast("Subject", subject), ClaimContext("INT-03", 0))


@pytest.mark.parametrize("flat", [False, True])
def test_a_decoder_of_the_code_alone_is_accepted_in_either_shape(flat: bool) -> None:
    subject = Linear(flat=flat)
    assert verdict(subject).outcome is Outcome.HOLDS
    assert len(subject.noises) >= 10
    assert all(noise.zero and mode is Mode.EVAL for noise, mode in subject.noises)


@pytest.mark.parametrize("subject", [Linear(shortcut=0.01), Linear(coupling=0.01)])
def test_whatever_else_reaches_the_output_is_seen(subject: Linear) -> None:
    found = verdict(subject)
    assert found.outcome is Outcome.VIOLATED
    assert "does not begin and end" in found.message
    assert found.measured["relative difference"] > 1e-4


def test_a_teacher_forced_decoder_is_exempt() -> None:
    assert verdict(Linear(facts=facts(autoregressive=True))).outcome is Outcome.NOT_APPLICABLE
