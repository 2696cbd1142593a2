"""Gradients through the Subject: those of autograd, for the sampling step, the decoder, the loss and the parameters."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from binding_samples import (
    COTANGENT,
    LOGVAR,
    MU,
    RAW,
    Bound,
    Layers,
    Native,
    Script,
    X,
    Z,
    bound,
    cross_entropy,
    divergence,
    loss_function,
    noisy,
    second_head,
)
from torch import Tensor

from vae_spec.context import ClaimContext
from vae_spec.judging import ask
from vae_spec.outcomes import Outcome
from vae_spec.registry import CLAIMS
from vae_spec.subject import Noise, SubjectFault, Term


@pytest.mark.parametrize("noise", [Noise(seed=4), Noise.none(), Noise(given=Z)], ids=["seeded", "zero", "given"])
def test_draw_vjp_is_autograds(native: Bound, noise: Noise) -> None:
    found = native.draw_vjp(MU, LOGVAR, noise, COTANGENT)
    assert torch.equal(found.z, native.draw(MU, LOGVAR, noise))
    # z = mu + sigma eps: dz/dmu = 1, dz/dlogvar = (z - mu) / 2
    assert found.mu is not None
    assert found.logvar is not None
    torch.testing.assert_close(found.mu, COTANGENT)
    torch.testing.assert_close(found.logvar, 0.5 * COTANGENT * (found.z - MU))


def test_draw_vjp_without_a_path() -> None:
    class Detached(Native):
        def reparameterize(self, mu: Tensor, logvar: Tensor) -> Tensor:
            return noisy(mu, logvar).detach()

    class Half(Native):
        def reparameterize(self, mu: Tensor, logvar: Tensor) -> Tensor:
            return noisy(mu, logvar.detach())

    none = bound(Detached).draw_vjp(MU, LOGVAR, Noise(), COTANGENT)
    assert (none.mu, none.logvar) == (None, None)
    half = bound(Half).draw_vjp(MU, LOGVAR, Noise(), COTANGENT)
    assert half.mu is not None
    assert half.logvar is None


def test_decode_vjp_is_autograds(native: Bound) -> None:
    z = Z.clone().requires_grad_()
    (expected,) = torch.autograd.grad((native.model.decode(z) * RAW[0]).sum(), z)
    found = native.decode_vjp(Z, RAW[0])
    assert found is not None
    torch.testing.assert_close(found, expected)
    silent = bound(type("Cut", (Native,), {"decode": lambda self, z: Native.decode(self, z).detach()}))
    assert silent.decode_vjp(Z, RAW[0]) is None


@pytest.mark.parametrize("of", list(Term))
@pytest.mark.parametrize("beta", [None, 0.0, 3.0])
@pytest.mark.parametrize("kind", ["native", "script"])
def test_terms_and_their_gradients_are_autograds(of: Term, beta: float | None, kind: str) -> None:
    subject = bound(Native) if kind == "native" else bound(Script, loss_function)
    scale = 1.0 if kind == "native" else 4.0  # the script's loss is a total over the batch
    raw, mu, logvar = (value.clone().requires_grad_() for value in (RAW[0], MU, LOGVAR))
    reconstruction, kl = scale * cross_entropy(raw, X).mean(), scale * divergence(mu, logvar).mean()
    expected = {
        Term.TOTAL: reconstruction + (1.0 if beta is None else beta) * kl,
        Term.RECONSTRUCTION: reconstruction,
        Term.KL: kl,
    }
    terms = subject.terms(RAW, X, MU, LOGVAR, beta=beta)
    for term, value in expected.items():
        assert float(getattr(terms, term.value)) == pytest.approx(float(value.detach()), rel=1e-5)
    slopes = torch.autograd.grad(expected[of], (raw, mu, logvar), allow_unused=True)
    found = subject.terms_vjp(RAW, X, MU, LOGVAR, of=of, beta=beta)
    for one, other in zip((*found.raw, found.mu, found.logvar), slopes, strict=True):
        torch.testing.assert_close(one, torch.zeros_like(one) if other is None else other, rtol=1e-4, atol=1e-6)


class Numbers(Native):
    """Its loss reports the two terms as plain numbers."""

    def loss(self, x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor, beta: float = 1.0) -> Any:
        total, reconstruction, kl = super().loss(x_hat, x, mu, logvar, beta)
        return total, reconstruction.item(), kl.item()


class Detached(Native):
    """Its loss reports the two terms without their history."""

    def loss(self, x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor, beta: float = 1.0) -> Any:
        total, reconstruction, kl = super().loss(x_hat, x, mu, logvar, beta)
        return total, reconstruction.detach(), kl.detach()


@pytest.mark.parametrize("kind", [Numbers, Detached])
@pytest.mark.parametrize("of", list(Term))
def test_terms_that_are_only_reported_have_the_gradients_of_the_total(native: Bound, kind: type[Native], of: Term) -> None:
    """What is trained is the total; to log the terms as numbers is customary and no mistake."""
    subject = bound(kind)
    found, expected = (one.terms_vjp(RAW, X, MU, LOGVAR, of=of) for one in (subject, native))
    torch.testing.assert_close(found.mu, expected.mu)
    torch.testing.assert_close(found.logvar, expected.logvar)
    torch.testing.assert_close(found.raw[0], expected.raw[0])
    assert float(subject.terms(RAW, X, MU, LOGVAR).kl) == pytest.approx(float(divergence(MU, LOGVAR).mean()), rel=1e-6)


def test_terms_keep_double_precision(native: Bound) -> None:
    raw, x, mu, logvar = (value.double() for value in (RAW[0], X, MU, LOGVAR))
    terms = native.terms((raw,), x, mu, logvar)
    assert terms.total.dtype == torch.float64
    assert float(terms.kl) == pytest.approx(float(divergence(mu, logvar).mean()), rel=1e-13)


def test_parameters_by_what_they_reach(native: Bound) -> None:
    found = native.param_grads(X, Noise(seed=2), ("mu", "logvar", "raw", "total"))
    assert set(found) == {"mu", "logvar", "raw", "total"}
    names = set(dict(native.model.named_parameters()))
    assert all(set(norms) == names for norms in found.values())
    reached = {of: {name.partition(".")[0] for name, norm in norms.items() if norm > 0} for of, norms in found.items()}
    assert reached["mu"] == {"hidden", "head"}
    assert reached["logvar"] == {"hidden", "second"}
    assert reached["raw"] == reached["total"] == {"hidden", "head", "second", "layers"}


def test_without_noise_the_output_does_not_know_the_second_head(native: Bound) -> None:
    found = native.param_grads(X, Noise.none(), ("raw",))["raw"]
    assert found["second.weight"] == found["second.bias"] == 0
    assert found["head.weight"] > 0


def test_the_gradient_of_the_total_is_autograds(native: Bound) -> None:
    found = native.param_grads(X, Noise.none(), ("total",))["total"]
    mu, logvar = native.model.heads(X)
    total = (cross_entropy(native.model.decode(mu), X) + divergence(mu, logvar)).mean()
    slopes = torch.autograd.grad(total, list(native.model.parameters()))
    for (name, _parameter), slope in zip(native.model.named_parameters(), slopes, strict=True):
        assert found[name] == pytest.approx(float(slope.norm()), rel=1e-4, abs=1e-7)


def test_reach_goes_towards_its_target(native: Bound) -> None:
    mu, logvar = torch.full((4, 3), 2.5), torch.full((4, 3), -2.0)
    far = native.reach(X, mu, logvar, steps=0, learning_rate=0.01, seed=1)
    near = native.reach(X, mu, logvar, steps=300, learning_rate=0.01, seed=1)
    assert float((far.mu - mu).abs().mean()) > 1.5
    assert float((near.mu - mu).abs().mean()) < 0.6
    assert float((near.logvar - logvar).abs().mean()) < 0.6


class Refusing(Native):
    """Its encoder fails at some of its calls, as one does whose deviations underflow on the way."""

    failing: frozenset[int] = frozenset()
    calls = 0

    def encode(self, x: Tensor) -> Any:
        self.calls += 1
        if self.calls in self.failing:
            raise ValueError("the deviation is 0")
        return super().encode(x)


def test_reach_goes_more_slowly_where_its_steps_lead_astray() -> None:
    subject = bound(Refusing)
    target = torch.full((4, 3), 2.0), torch.full((4, 3), -2.0)
    subject.model.calls, subject.model.failing = 0, frozenset({5})
    reached = subject.reach(X, *target, steps=300, learning_rate=0.01, seed=1)
    assert float((reached.mu - target[0]).abs().mean()) < 1
    for failing in ({1, 2}, {5, 9, 13, 17}):
        subject.model.calls, subject.model.failing = 0, frozenset(failing)
        with pytest.raises(SubjectFault, match="the deviation is 0"):
            subject.reach(X, *target, steps=300, learning_rate=0.01, seed=1)


def test_reach_cannot_go_where_an_activation_ends() -> None:
    class Positive(Native):
        def encode(self, x: Tensor) -> Any:
            mu, logvar = self.heads(x)
            return torch.relu(mu), logvar

    reached = bound(Positive).reach(X, torch.full((4, 3), -2.0), torch.zeros(4, 3), steps=100, learning_rate=0.01, seed=1)
    assert float(reached.mu.min()) >= 0


def test_reach_steers_a_deviation_of_either_sign() -> None:
    """Its logarithm has a pole where a linear layer changes sign."""

    class Signed(Native):
        def reparameterize(self, mu: Tensor, sigma: Tensor) -> Tensor:
            return mu + sigma * torch.randn_like(mu)

        def loss(self, x_hat: Any, x: Tensor, mu: Tensor, sigma: Tensor, beta: float = 1.0) -> Any:
            return cross_entropy(x_hat, x).mean() + beta * divergence(mu, sigma.square().add(1e-12).log()).mean()

    subject = bound(Signed)
    assert second_head(subject) == "standard deviation"
    for wanted in (-2.0, 1.5):
        reached = subject.reach(X, torch.full((4, 3), -2.0), torch.full((4, 3), wanted), steps=400, learning_rate=0.02, seed=1)
        assert float((reached.logvar - wanted).abs().mean()) < 0.6


@pytest.mark.parametrize("cut", [False, True])
def test_a_sampling_inside_forward_that_cuts_the_encoders_gradient(cut: bool) -> None:
    class Inlined(Layers):
        def encode(self, x: Tensor) -> Any:
            return self.heads(x)

        def decode(self, z: Tensor) -> Tensor:
            return self.layers(z).view(-1, 1, 8, 8)

        def forward(self, x: Tensor) -> Any:
            mu, logvar = self.encode(x)
            z = noisy(mu, logvar)
            return self.decode(z.detach() if cut else z), mu, logvar

    verdict = ask(CLAIMS["OBJ-04"], bound(Inlined), ClaimContext("OBJ-04", seed=0, examples=2))
    assert verdict.outcome is (Outcome.VIOLATED if cut else Outcome.HOLDS)
    assert verdict.diagnosis == ("no-encoder-gradient" if cut else None)
