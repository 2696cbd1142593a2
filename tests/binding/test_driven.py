"""Losses that run the model themselves, results with other values in them, and what a loss of two values returns."""

from __future__ import annotations

from collections import namedtuple
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from binding_samples import Layers, Native, bound, cross_entropy, divergence
from torch import Tensor, nn
from torch.distributions import Bernoulli, Independent, Normal

from vae_conformance.binding.distributions import gives_logits, pair_of, raw_of, with_pair, with_raw
from vae_conformance.binding.injection import replaced
from vae_conformance.binding.layout import at, leaves, rebuilt
from vae_conformance.binding.returns import Returns, read_returns
from vae_spec.subject import Noise, Part

STREAM = torch.Generator().manual_seed(0)
X, RAW = (torch.rand(4, 1, 8, 8, generator=STREAM, dtype=torch.float64) for _ in range(2))
MU, LOGVAR = (torch.randn(4, 3, generator=STREAM, dtype=torch.float64) for _ in range(2))


class ForwardLoss(Native):
    loss = None  # type: ignore[assignment]

    def forward(self, x: Tensor) -> Any:
        mu, logvar = self.encode(x)
        x_hat = self.decode(self.reparameterize(mu, logvar))
        return (cross_entropy(x_hat, x) + divergence(mu, logvar)).mean()


class Inline(Layers):
    """Nothing but layers that can be named, and a KL kept as an attribute."""

    def __init__(self) -> None:
        super().__init__()
        self.decoder = nn.Sequential(self.layers, nn.Unflatten(1, (1, 8, 8)))

    def forward(self, x: Tensor) -> Tensor:
        mu, logvar = self.heads(x)
        self.kl = divergence(mu, logvar).mean()
        return self.decoder(mu + torch.exp(0.5 * logvar) * torch.randn_like(mu))


class Step(Native):
    loss = None  # type: ignore[assignment]

    def training_step(self, batch: Any, batch_idx: int) -> dict[str, Tensor]:
        x, _labels = batch
        x_hat, mu, logvar = self(x)
        return {"loss": (cross_entropy(x_hat, x) + divergence(mu, logvar)).mean()}


@pytest.mark.parametrize("kind", [ForwardLoss, Step, Inline])
def test_a_running_model_is_asked_about_any_output_and_posterior(kind: type[nn.Module]) -> None:
    subject = bound(kind)
    before = dict(vars(subject.model))
    terms = subject.terms((RAW,), X, MU, LOGVAR)
    assert float(terms.reconstruction) == pytest.approx(float(cross_entropy(RAW, X).mean()), rel=1e-6)
    assert float(terms.kl) == pytest.approx(float(divergence(MU, LOGVAR).mean()), rel=1e-5)
    assert vars(subject.model).keys() == before.keys()
    assert subject.facts.parts[Part.LOSS].known_by.startswith("probe")


def test_its_training_step_is_the_models_own() -> None:
    subject = bound(ForwardLoss)
    x = X.float()
    torch.manual_seed(5)
    own = subject.model(x)
    torch.manual_seed(5)
    terms, analytic = subject.objective(x, 1.0)
    assert float(terms.total.detach()) == pytest.approx(float(own.detach()), rel=1e-5)
    assert float(terms.kl.detach()) == pytest.approx(float(analytic), rel=1e-4)
    own_slopes = torch.autograd.grad(own, list(subject.model.parameters()))
    slopes = torch.autograd.grad(terms.total, list(subject.model.parameters()))
    for one, other in zip(slopes, own_slopes, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_the_noise_is_left_out_of_a_model_that_is_watched() -> None:
    subject = bound(Inline)
    seen = subject.forward(X.float(), Noise.none())
    assert seen.z is not None
    torch.testing.assert_close(seen.z, seen.mu)


def test_a_replaced_part_comes_back() -> None:
    model = Native()
    layer, method = model.head.forward, model.decode
    with replaced(model, "head", lambda: "instead"), replaced(model, "decode", lambda: "another"):
        assert (model.head(MU), model.decode(MU)) == ("instead", "another")
    assert (model.head.forward, model.decode) == (layer, method)


# results with other values


@dataclass
class Record:
    first: Any
    second: Any


Pair = namedtuple("Pair", ["first", "second"])  # noqa: PYI024


@pytest.mark.parametrize(
    ("template", "path"),
    [
        ((1, 2), (1,)),
        ([1, (2, 3)], (1, 0)),
        ({"a": 1, "b": {"c": 2}}, ("b", "c")),
        (Pair(1, 2), (1,)),
        (Pair(1, 2), ("second",)),
        (Record(1, [2, 3]), ("second", 1)),
        (SimpleNamespace(a=1, b=2), ("b",)),
        (1, ()),
    ],
)
def test_a_result_with_another_value_in_it(template: Any, path: tuple[Any, ...]) -> None:
    before = [leaf for _path, leaf in leaves(template)]
    changed = rebuilt(template, {path: "new"})
    assert type(changed) is type(template) or path == ()
    assert at(changed, path) == "new"
    assert [leaf for _path, leaf in leaves(template)] == before


@pytest.mark.parametrize(
    ("template", "raw"),
    [
        (Bernoulli(probs=RAW), (RAW,)),
        (Independent(Bernoulli(logits=MU), 1), (MU,)),
        (Normal(MU, torch.exp(0.5 * LOGVAR)), (MU, LOGVAR)),
    ],
)
def test_a_distribution_around_another_output(template: Any, raw: tuple[Tensor, ...]) -> None:
    for found, wanted in zip(raw_of(template), raw, strict=True):
        torch.testing.assert_close(found, wanted)
    made = with_raw(template, tuple(one * 0.5 for one in raw))
    assert made is not None
    assert type(made) is type(template)
    assert made.event_shape == template.event_shape
    for found, wanted in zip(raw_of(made), raw, strict=True):
        torch.testing.assert_close(found, wanted * 0.5)
    assert gives_logits(made) is gives_logits(template)


def test_a_posterior_around_other_heads() -> None:
    made = with_pair(Independent(Normal(MU, torch.ones_like(MU)), 1), MU + 1, LOGVAR)
    torch.testing.assert_close(pair_of(made), (MU + 1, LOGVAR))
    assert made.event_shape == (3,)


# the terms among the values that a loss returns


@pytest.mark.parametrize(
    ("make", "order"),
    [
        (lambda r, k: (r + k, k), (0, None, 1)),
        (lambda r, k: (k, r + k), (1, None, 0)),
        (lambda r, k: (r + k, r), (0, 1, None)),
        (lambda r, k: (r, r + k), (1, 0, None)),
    ],
)
def test_a_total_and_one_of_its_terms(make: Any, order: tuple[Any, ...]) -> None:
    assert read_returns(make(5.0, 1.0), make(5.0, 2.0), make(7.0, 1.0)) == (Returns.PART, order)


def test_two_terms_are_no_total() -> None:
    assert read_returns((5.0, 1.0), (5.0, 2.0), (7.0, 1.0)) == (Returns.PAIR, (None, 0, 1))
