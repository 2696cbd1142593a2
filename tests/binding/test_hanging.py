"""A forward that hangs while it is bound: it is called once, within a limit, and the rest is bound."""

from __future__ import annotations

import math
import time
from typing import Any

import pytest
import torch
from binding_samples import (
    Native,
    bound,
    standings,
    verdict,
)
from torch import Tensor

from vae_conformance.guard.calls import Caller
from vae_conformance.guard.time_limit import time_limit
from vae_spec.outcomes import Outcome
from vae_spec.subject import Noise, Part, Standing, SubjectFault

X = torch.rand(4, 1, 8, 8, generator=torch.Generator().manual_seed(3))


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a call has a limit of its own, as while an implementation is bound, it is 0.2 s."""
    made = Caller.__init__
    monkeypatch.setattr(Caller, "__init__", lambda self, limit=math.inf: made(self, min(limit, 0.2) if limit < math.inf else limit))


@pytest.mark.usefixtures("_impatient")
def test_a_forward_that_hangs_is_called_once() -> None:
    calls = []

    class Hanging(Native):
        def forward(self, x: Tensor) -> Any:
            calls.append(len(x))
            while True:
                time.sleep(0.01)

    subject = bound(Hanging)
    assert standings(subject)[Part.FORWARD] is Standing.FAILING
    assert subject.facts.parts[Part.FORWARD].account == "did not return within 0.2 s"
    assert subject.facts.input_shape[-1] in (8, 28, 32, 64)
    assert standings(subject)[Part.DRAW] is standings(subject)[Part.LOSS] is Standing.PRESENT
    assert verdict("NET-03", subject).outcome is Outcome.VIOLATED
    with pytest.raises(SubjectFault, match=r"did not return within 0\.2 s"):
        subject.forward(X, Noise())
    assert len(calls) == 1


@pytest.mark.usefixtures("_impatient")
def test_a_forward_that_hangs_does_not_lose_the_shape_that_encode_takes() -> None:
    class Hanging(Native):
        def forward(self, x: Tensor) -> Any:
            while True:
                time.sleep(0.01)

    subject = bound(Hanging)
    assert standings(subject)[Part.POSTERIOR] is Standing.PRESENT
    assert subject.posterior(X).mu.shape == (4, 3)


@pytest.mark.usefixtures("_impatient")
def test_a_forward_that_hangs_on_one_item_is_limited_too() -> None:
    class Hanging(Native):
        def forward(self, x: Tensor) -> Any:
            while len(x) == 1:
                time.sleep(0.01)
            return super().forward(x)

    with time_limit(3.0, "binding"):
        subject = bound(Hanging)
    with pytest.raises(SubjectFault, match=r"did not return within 0\.2 s"):
        subject.forward(X[:1], Noise())
