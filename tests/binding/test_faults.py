"""Binding what is incomplete or wrong: a missing part, code that raises, hangs, exits or gives nonsense, and how that is judged."""

from __future__ import annotations

import sys
import warnings
from typing import Any

import pytest
import torch
from binding_samples import (
    ByMatrices,
    Inline,
    Layers,
    Native,
    bound,
    noisy,
    standings,
    verdict,
    without,
)
from torch import Tensor, nn

from vae_conformance.errors import Unbound
from vae_spec.outcomes import Outcome
from vae_spec.subject import Likelihood, Noise, Part, Standing, SubjectFault

X = torch.rand(4, 1, 8, 8, generator=torch.Generator().manual_seed(3))


# what is missing


@pytest.mark.parametrize(
    ("part", "missing", "claim"),
    [("decode", Part.DECODE, "NET-02"), ("decode", Part.DECODE, "NET-04"), ("forward", Part.FORWARD, "NET-03")],
)
def test_what_nothing_can_stand_in_for_is_violated(part: str, missing: Part, claim: str) -> None:
    # A forward that is missing is put together where encode and decode are there, and a decoder inline in forward decodes there.
    subject = bound(without("forward", "decode") if part == "forward" else Sealed)
    assert standings(subject)[missing] in (Standing.MISSING, Standing.FAILING)
    found = verdict(claim, subject)
    assert found.outcome is Outcome.VIOLATED
    assert part in found.message
    assert found.hint


class Sealed(Layers):
    """What it gives follows the batch as well as the code, and no part of it takes the code: so none can be decoded."""

    def forward(self, x: Tensor) -> Any:
        mu, logvar = self.heads(x)
        x_hat = torch.sigmoid(nn.functional.linear(noisy(mu, logvar) @ self.head.weight, self.hidden.weight.T))
        return 0.9 * x_hat.view_as(x) + 0.1 * x, mu, logvar


def test_a_missing_decode_is_called_missing() -> None:
    subject = bound(Sealed)
    assert standings(subject)[Part.DECODE] is Standing.MISSING
    assert verdict("NET-02", subject).message.startswith("missing: decode (")
    with pytest.raises(SubjectFault, match="decode: is missing"):
        subject.decode(torch.zeros(2, 3))


def test_a_missing_encode_is_read_from_forward() -> None:
    subject = bound(without("encode"))
    report = subject.facts.parts[Part.POSTERIOR]
    assert (report.standing, report.account) == (
        Standing.PRESENT,
        "heads(x) gives (mu, logvar)",
    )
    assert subject.posterior(X).mu.shape == (4, 3)


def test_an_encoder_that_is_no_part_is_read_from_forward() -> None:
    class Whole(Layers):
        def forward(self, x: Tensor) -> Any:
            h = torch.relu(self.hidden(x.flatten(1)))
            mu, logvar = self.head(h), self.second(h)
            return self.layers(noisy(mu, logvar)).view_as(x), mu, logvar

    report = bound(Whole).facts.parts[Part.POSTERIOR]
    assert report.account == "mu and logvar are read from forward: encode does not give them"


def test_no_posterior_at_all_is_violated() -> None:
    class NoPosterior(Layers):
        def decode(self, z: Tensor) -> Any:
            return self.layers(z)

        def forward(self, x: Tensor) -> Any:
            mu = self.head(torch.relu(self.hidden(x.flatten(1))))
            return self.decode(mu + torch.randn_like(mu)).view_as(x)

    subject = bound(NoPosterior)
    assert standings(subject)[Part.POSTERIOR] is Standing.MISSING
    assert verdict("NET-01", subject).outcome is Outcome.VIOLATED
    assert verdict("NET-01", subject).message.startswith("missing: encode")


class TakesTurns(ByMatrices):
    """A VAE with its sampling step inline, whose operations change from call to call."""

    calls = 0

    def decode(self, z: Tensor) -> Tensor:
        return torch.sigmoid(z @ self.weight).view(-1, 1, 8, 8)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        self.calls += 1
        mu, logvar = self.heads(x)
        z = noisy(mu, logvar)
        return torch.sigmoid((z if self.calls % 2 else 1.0 * z) @ self.weight).view_as(x), mu, logvar


def test_a_missing_sampling_step_is_not_applicable() -> None:
    subject = bound(TakesTurns)
    found = standings(subject)
    assert found[Part.DRAW] is found[Part.NOISE_CONTROL] is Standing.REPLACED
    for claim in ("REP-01", "REP-02", "KL-02"):
        assert verdict(claim, subject).outcome is Outcome.NOT_APPLICABLE
    with pytest.raises(SubjectFault, match="sampling step: is missing"):
        subject.draw(torch.zeros(2, 3), torch.zeros(2, 3), Noise())


def test_a_missing_loss_is_supplied_and_not_judged() -> None:
    subject = bound(without("loss"))
    found = standings(subject)
    assert found[Part.LOSS] is Standing.REPLACED
    assert subject.facts.parts[Part.LOSS].account == "none found: the suite supplies the ELBO with the bernoulli likelihood"
    assert subject.facts.likelihood is Likelihood.BERNOULLI
    assert verdict("OBJ-02", subject).outcome is Outcome.NOT_APPLICABLE
    terms = subject.terms((X,), X, torch.ones(4, 3), torch.zeros(4, 3))
    assert float(terms.kl) == pytest.approx(1.5)


def test_nothing_but_a_forward() -> None:
    found = standings(bound(Inline))
    assert {found[part] for part in Part if part not in (Part.LOSS, Part.LOSS_TERMS)} == {Standing.PRESENT}
    assert found[Part.LOSS] is Standing.REPLACED


def test_no_parameters() -> None:
    class Bare(Native):
        def __init__(self) -> None:
            super().__init__()
            for parameter in self.parameters():
                parameter.requires_grad_(False)

    subject = bound(Bare)
    assert subject.facts.parameters == 0
    assert standings(subject)[Part.PARAMETERS] is standings(subject)[Part.TRAINING] is Standing.FAILING


def test_nothing_that_takes_any_input_is_unbound() -> None:
    class Empty(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            raise ValueError("no input is good enough")

    with pytest.raises(Unbound, match="no shape of input was found") as caught:
        bound(Empty)
    assert "ValueError: no input is good enough" in caught.value.message
    assert "--input-shape" in caught.value.hint


# what the code does wrong


def test_a_forward_that_raises_is_failing_and_the_rest_is_bound() -> None:
    said = "\n".join(("the dog ate it", "and more lines"))

    class Raising(Native):
        def forward(self, x: Tensor) -> Any:
            raise RuntimeError(said)

    subject = bound(Raising)
    found = standings(subject)
    assert found[Part.FORWARD] is Standing.FAILING
    assert found[Part.POSTERIOR] is found[Part.DECODE] is found[Part.LOSS] is found[Part.DRAW] is Standing.PRESENT
    assert "raised RuntimeError: the dog ate it (line " in subject.facts.parts[Part.FORWARD].account
    assert "more lines" not in subject.facts.parts[Part.FORWARD].account
    assert verdict("NET-03", subject).outcome is Outcome.VIOLATED
    assert verdict("KL-01", subject).outcome is Outcome.HOLDS
    with pytest.raises(SubjectFault, match="the dog ate it"):
        subject.forward(X, Noise())


@pytest.mark.parametrize(
    ("part", "method", "claim"),
    [
        (Part.POSTERIOR, "encode", "NET-01"),
        (Part.DECODE, "decode", "NET-02"),
        (Part.LOSS, "loss", "OBJ-01"),
        (Part.DRAW, "reparameterize", "REP-01"),
    ],
)
def test_each_part_that_raises_is_failing(part: Part, method: str, claim: str) -> None:
    def fails(self: Any, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError("to be done")

    if method == "loss":

        def fails(self: Any, x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Any:  # type: ignore[misc]
            raise NotImplementedError("to be done")

    if method == "reparameterize":

        def fails(self: Any, mu: Tensor, logvar: Tensor) -> Any:  # type: ignore[misc]
            raise NotImplementedError("to be done")

    subject = bound(type("Failing", (without(method),), {method: fails}))
    assert standings(subject)[part] is Standing.FAILING
    found = verdict(claim, subject)
    assert found.outcome is Outcome.VIOLATED
    assert "NotImplementedError: to be done" in found.message


@pytest.mark.parametrize("leave", [sys.exit, quit], ids=["sys.exit", "quit"])
def test_code_that_tries_to_exit_is_failing(leave: Any) -> None:
    class Leaving(Native):
        def decode(self, z: Tensor) -> Any:
            leave(3)

    subject = bound(Leaving)
    assert standings(subject)[Part.DECODE] is Standing.FAILING
    assert "called sys.exit(3)" in subject.facts.parts[Part.DECODE].account


def test_nan_outputs_are_bound_and_violated() -> None:
    class NotANumber(Native):
        def decode(self, z: Tensor) -> Any:
            return super().decode(z) * float("nan")

    subject = bound(NotANumber)
    assert standings(subject)[Part.FORWARD] is standings(subject)[Part.DECODE] is Standing.PRESENT
    assert verdict("NET-02", subject).outcome is Outcome.VIOLATED
    assert verdict("NET-01", subject).outcome is Outcome.HOLDS


def test_an_output_of_another_size() -> None:
    class Cropping(Native):
        def decode(self, z: Tensor) -> Any:
            return super().decode(z)[..., :7, :7]

        def loss(self, x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor, beta: float = 1.0) -> Any:
            return super().loss(x_hat, x[..., :7, :7], mu, logvar, beta)

    subject = bound(Cropping)
    assert subject.facts.input_shape == (64,) or subject.facts.input_shape == (1, 8, 8)
    found = verdict("NET-02", subject)
    assert found.outcome is Outcome.VIOLATED
    with pytest.raises(SubjectFault, match="gives 49 entries an item where the input has 64"):
        subject.data(subject.decode(torch.zeros(2, 3)))


@pytest.mark.parametrize(
    ("error", "diagnosis"),
    [
        (AssertionError("Torch not compiled with CUDA enabled"), "cuda-always"),
        (AttributeError("cannot assign module before Module.__init__() call"), "not-a-module"),
        (RecursionError("maximum recursion depth exceeded"), "not-a-module"),
        (RuntimeError("all elements of input should be between 0 and 1"), "decoder-range"),
        (RuntimeError("all elements of target should be between 0 and 1"), "data-out-of-range"),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied (4x28 and 784x400)"), "hard-coded-shape"),
        (RuntimeError("shape '[128, 784]' is invalid for input of size 9"), "batch-size-frozen"),
        (ValueError("something else"), None),
    ],
)
def test_exceptions_point_to_mistakes(error: Exception, diagnosis: str | None) -> None:
    subject = bound(Native)
    subject.model.decode = _raiser(error)
    with pytest.raises(SubjectFault) as caught:
        subject.decode(torch.zeros(2, 3))
    assert caught.value.diagnosis == diagnosis
    assert type(error).__name__ in caught.value.what


def _raiser(error: Exception) -> Any:
    def decode(_z: Tensor) -> Tensor:
        raise error

    return decode


def test_ctrl_c_goes_through() -> None:
    subject = bound(Native)
    subject.model.decode = _raiser(KeyboardInterrupt())  # type: ignore[arg-type]
    with pytest.raises(KeyboardInterrupt):
        subject.decode(torch.zeros(2, 3))


def test_a_warning_is_no_fault() -> None:
    class Warns(Native):
        def __init__(self) -> None:
            super().__init__()
            warnings.warn("a draft", stacklevel=1)

        def forward(self, x: Tensor) -> Any:
            warnings.warn("an old function", stacklevel=1)
            return super().forward(x)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        subject = bound(Warns())
    assert standings(subject)[Part.FORWARD] is Standing.PRESENT
    assert subject.forward(X, Noise()).mu.shape == (4, 3)


def test_a_batch_that_is_changed_in_place_stays_as_it_was_for_the_next_probe() -> None:
    class InPlace(Native):
        def forward(self, x: Tensor) -> Any:
            x.mul_(0.5)
            return super().forward(x)

    again = bound(InPlace).facts
    assert standings(bound(InPlace))[Part.FORWARD] is Standing.PRESENT
    assert (again.input_shape, again.likelihood) == ((1, 8, 8), Likelihood.BERNOULLI)
