"""Shapes and data space: what the decoder gives as an image and back, and what is wrong with a shape."""

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
    Native,
    Script,
    X,
    Z,
    bound,
    cross_entropy,
    divergence,
    loss_function,
    without,
)
from torch import Tensor, nn

from vae_spec.subject import Likelihood, Noise, SubjectFault, Term


def test_data_and_raw_are_inverse(native: Bound) -> None:
    x_hat = native.data(native.decode(Z))
    assert x_hat.shape == (4, 1, 8, 8)
    assert torch.equal(native.data(native.raw(x_hat)), x_hat)


def test_data_of_a_flat_output_has_the_inputs_shape() -> None:
    subject = bound(Script, loss_function, input_shape=(1, 8, 8))
    raw = subject.decode(Z)
    assert raw[0].shape == (4, 64)
    assert subject.data(raw).shape == (4, 1, 8, 8)
    assert float(subject.terms(subject.raw(X), X, torch.zeros(4, 3), torch.zeros(4, 3)).kl) == pytest.approx(0, abs=1e-4)


def test_logits_are_shown_as_probabilities() -> None:
    class Logits(Native):
        def decode(self, z: Tensor) -> Any:
            return self.layers[:-1](z).view(-1, 1, 8, 8)

        def loss(self, x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Any:
            return nn.functional.binary_cross_entropy_with_logits(x_hat, x, reduction="sum") + divergence(mu, logvar).sum()

    subject = bound(Logits)
    assert subject.facts.likelihood is Likelihood.BERNOULLI_LOGITS
    raw = subject.decode(Z)
    assert torch.equal(subject.data(raw), torch.sigmoid(raw[0]))
    torch.testing.assert_close(subject.data(subject.raw(X)), X)
    ends = torch.tensor([0.0, 1.0]).repeat(32).view(1, 1, 8, 8)
    assert torch.isfinite(subject.raw(ends)[0]).all()


def test_raw_of_a_pair_has_unit_variance() -> None:
    class Pair(Native):
        def decode(self, z: Tensor) -> Any:
            mean = super().decode(z)
            return mean, mean - 1

        def loss(self, x_hat: Any, x: Tensor, mu: Tensor, logvar: Tensor, beta: float = 1.0) -> Any:
            mean, spread = x_hat
            reconstruction = 0.5 * ((x - mean).square() * torch.exp(-spread) + spread).sum() / len(x)
            kl = divergence(mu, logvar).mean()
            return reconstruction + beta * kl, reconstruction, kl

    subject = bound(Pair)
    assert subject.facts.likelihood is Likelihood.GAUSSIAN
    raw = subject.raw(X)
    assert torch.equal(raw[0], X)
    assert not raw[1].any()
    assert torch.equal(subject.data(subject.decode(Z)), subject.model.decode(Z)[0].detach())
    assert len(subject.terms_vjp(raw, X, MU, LOGVAR, of=Term.RECONSTRUCTION).raw) == 2


def test_inputs_in_double_precision_are_taken(native: Bound) -> None:
    assert native.posterior(X.double()).mu.dtype == torch.float32
    assert native.decode(Z.double())[0].dtype == torch.float32


def test_wrong_shapes_are_faults() -> None:
    subject = bound(Native)
    subject.model.decode = lambda z: Native.decode(subject.model, z)[:2]
    with pytest.raises(SubjectFault, match="gives 2 items for 4 codes") as caught:
        subject.decode(Z)
    assert caught.value.diagnosis == "batch-size-frozen"
    subject = bound(Native)
    subject.model.decode = lambda z: "a picture"
    with pytest.raises(SubjectFault, match="neither a tensor nor a mean"):
        subject.decode(Z)
    subject.model.encode = lambda x: x
    with pytest.raises(SubjectFault, match="does not return mu and logvar"):
        subject.posterior(X)
    subject.model.reparameterize = lambda mu, logvar: None
    with pytest.raises(SubjectFault, match="returns NoneType where a tensor belongs"):
        subject.draw(MU, LOGVAR, Noise())
    subject.model.reparameterize = lambda mu, logvar: mu[:1]
    with pytest.raises(SubjectFault, match=r"gives the shape \(1, 3\) for a mu of shape \(4, 3\)"):
        subject.draw_vjp(MU, LOGVAR, Noise(), COTANGENT)


def test_a_missing_loss_is_the_elbo() -> None:
    subject = bound(without("loss"))
    for beta in (None, 2.0):
        terms = subject.terms(RAW, X, MU, LOGVAR, beta=beta)
        expected = cross_entropy(RAW[0], X).mean() + (beta or 1.0) * divergence(MU, LOGVAR).mean()
        assert float(terms.total) == pytest.approx(float(expected), rel=1e-5)


def test_parameters_out_of_the_modules_sight_are_told_by_their_shapes() -> None:
    class Listed(Native):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.Identity()
            self.steps = [nn.Linear(3, 64)]

        def decode(self, z: Tensor) -> Any:
            return torch.sigmoid(self.steps[0](z)).view(-1, 1, 8, 8)

    assert bound(Native).facts.unregistered == ()
    assert bound(Listed).facts.unregistered == ((64,), (64, 3))


@pytest.mark.parametrize(
    ("second", "sigma"),
    [(lambda head: head, 1.0), (lambda head: 2 * torch.log(torch.nn.functional.softplus(head)), 0.69), (lambda head: head - 4, 0.135)],
)
def test_the_width_of_the_untrained_posterior_is_read(second: Any, sigma: float) -> None:
    class Wide(Native):
        def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
            mu, head = super().encode(x)
            return mu, second(0.01 * head)

    assert bound(Wide).facts.untrained_sigma == pytest.approx(sigma, rel=0.02)
