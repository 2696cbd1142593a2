"""Losses that run the model themselves, and losses of results and distributions, which are given others of their kind."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from binding_samples import Bound, Layers, Native, bound, cross_entropy, divergence, noisy, without
from torch import Tensor, nn
from torch.distributions import Bernoulli, Independent, Normal

from vae_spec.subject import Noise, Part, Standing

STREAM = torch.Generator().manual_seed(0)
X, RAW = (torch.rand(4, 1, 8, 8, generator=STREAM, dtype=torch.float64) for _ in range(2))
MU, LOGVAR = (torch.randn(4, 3, generator=STREAM, dtype=torch.float64) for _ in range(2))


FLAT = RAW.flatten(1)


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


class OfLogits(Layers):
    """The loss is of logits, and forward gives probabilities."""

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(noisy(*self.heads(x))).view_as(x)

    def compute_loss(self, x: Tensor) -> Tensor:
        mu, logvar = self.heads(x)
        logits = self.layers[:-1](noisy(mu, logvar)).view_as(x)
        error = nn.functional.binary_cross_entropy_with_logits(logits, x, reduction="sum") / len(x)
        return error + divergence(mu, logvar).mean()


class ByItems(Native):
    """As many operations as the batch has items."""

    loss = None  # type: ignore[assignment]

    def training_step(self, batch: Any) -> Tensor:
        scaled = torch.zeros_like(batch)
        for index in range(len(batch)):
            scaled[index] = batch[index]
        x_hat, mu, logvar = self(scaled)
        return (cross_entropy(x_hat, batch) + divergence(mu, logvar)).mean()


@pytest.mark.parametrize("items", [4, 3, 1])
def test_a_pass_with_other_operations_on_other_numbers_of_items_is_asked_alike(items: int) -> None:
    terms = bound(ByItems).terms((RAW[:items],), X[:items], MU[:items], LOGVAR[:items])
    assert float(terms.reconstruction) == pytest.approx(float(cross_entropy(RAW[:items], X[:items]).mean()), rel=1e-5)
    assert float(terms.kl) == pytest.approx(float(divergence(MU[:items], LOGVAR[:items]).mean()), rel=1e-4)


@pytest.mark.parametrize("kind", [ForwardLoss, Step, Inline, OfLogits])
def test_a_running_model_is_asked_about_any_output_and_posterior(kind: type[nn.Module]) -> None:
    subject = bound(kind)
    before = dict(vars(subject.model))
    terms = subject.terms((RAW,), X, MU, LOGVAR)
    assert float(terms.reconstruction) == pytest.approx(float(cross_entropy(RAW, X).mean()), rel=1e-6)
    assert float(terms.kl) == pytest.approx(float(divergence(MU, LOGVAR).mean()), rel=1e-5)
    assert vars(subject.model).keys() == before.keys()
    assert all("forward" not in vars(module) for module in subject.model.modules())
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


# results with other values


@dataclass
class Record:
    first: Any
    second: Any


Pair = namedtuple("Pair", ["first", "second"])  # noqa: PYI024
Arrange = Callable[[Tensor, Tensor, Tensor], Any]
ARRANGED: dict[str, tuple[Arrange, Callable[[Any], tuple[Tensor, Tensor, Tensor]]]] = {
    "tuple": (lambda r, m, s: (r, m, s), lambda o: o),
    "nested lists": (lambda r, m, s: [r, (m, [s])], lambda o: (o[0], o[1][0], o[1][1][0])),
    "nested dicts": (lambda r, m, s: {"recon": r, "q": {"mu": m, "logvar": s}}, lambda o: (o["recon"], o["q"]["mu"], o["q"]["logvar"])),
    "named tuple": (lambda r, m, s: Pair(r, (m, s)), lambda o: (o.first, *o.second)),
    "record": (lambda r, m, s: Record(r, [m, s]), lambda o: (o.first, *o.second)),
    "namespace": (lambda r, m, s: SimpleNamespace(recon=r, mu=m, logvar=s), lambda o: (o.recon, o.mu, o.logvar)),
}


@pytest.mark.parametrize(("arrange", "taken"), ARRANGED.values(), ids=ARRANGED.keys())
def test_a_loss_of_forwards_result_is_given_one_with_other_values_in_it(arrange: Arrange, taken: Callable[[Any], Any]) -> None:
    kinds = set()

    class Whole(without("loss")):  # type: ignore[misc]
        def forward(self, x: Tensor) -> Any:
            mu, logvar = self.encode(x)
            return arrange(self.decode(self.reparameterize(mu, logvar)), mu, logvar)

    def compute_loss(outputs: Any, x: Tensor) -> Tensor:
        kinds.add(type(outputs))
        recon, mu, logvar = taken(outputs)
        return (cross_entropy(recon, x) + divergence(mu, logvar)).mean()

    assert_is_the_elbo(bound(Whole, compute_loss))
    assert kinds == {type(arrange(X, MU, LOGVAR))}


def assert_is_the_elbo(subject: Bound) -> None:
    terms = subject.terms((RAW,), X, MU, LOGVAR)
    assert float(terms.reconstruction) == pytest.approx(float(cross_entropy(RAW, X).mean()), rel=1e-5)
    assert float(terms.kl) == pytest.approx(float(divergence(MU, LOGVAR).mean()), rel=1e-4)


def around(make: Callable[[Tensor], Any]) -> type[nn.Module]:
    """A model whose decoder returns a distribution around its last layer but one."""

    class Around(Layers):
        def encode(self, x: Tensor) -> Any:
            return self.heads(x)

        def decode(self, z: Tensor) -> Any:
            return make(self.layers[:-1](z))

        def forward(self, x: Tensor) -> Any:
            mu, logvar = self.encode(x)
            return self.decode(noisy(mu, logvar)), mu, logvar

    return Around


@pytest.mark.parametrize(
    ("make", "raw", "expected"),
    [
        (lambda h: Bernoulli(probs=torch.sigmoid(h)), (FLAT,), Bernoulli(probs=FLAT)),
        (lambda h: Independent(Bernoulli(logits=h), 1), (FLAT,), Bernoulli(logits=FLAT)),
        (lambda h: Normal(h, torch.ones_like(h)), (FLAT, 0.5 * FLAT), Normal(FLAT, torch.exp(0.25 * FLAT))),
    ],
    ids=["bernoulli", "independent bernoulli of logits", "normal"],
)
def test_a_loss_of_a_distribution_is_given_one_around_another_output(
    make: Callable[[Tensor], Any], raw: tuple[Tensor, ...], expected: Any
) -> None:
    shapes = set()

    def loss_function(p_x: Any, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
        shapes.add((type(p_x), p_x.event_shape))
        return -p_x.log_prob(x).sum() / len(x) + divergence(mu, logvar).mean()

    subject = bound(around(make), loss_function)
    x = (X > 0.5).to(X.dtype).flatten(1)
    terms = subject.terms(raw, x, MU, LOGVAR)
    assert float(terms.reconstruction) == pytest.approx(-float(expected.log_prob(x).sum()) / 4, rel=1e-5)
    sample = make(torch.zeros(4, 64))
    assert shapes == {(type(sample), sample.event_shape)}


def test_a_loss_of_a_posterior_is_given_one_around_other_heads() -> None:
    shapes = set()

    class Posterior(Layers):
        def encode(self, x: Tensor) -> Any:
            mu, logvar = self.heads(x)
            return Independent(Normal(mu, torch.exp(0.5 * logvar)), 1)

        def decode(self, z: Tensor) -> Tensor:
            return self.layers(z).view(-1, 1, 8, 8)

        def forward(self, x: Tensor) -> Any:
            q = self.encode(x)
            return self.decode(q.rsample()), q

        def loss(self, x_hat: Tensor, x: Tensor, q: Any) -> Tensor:
            shapes.add(q.event_shape)
            return cross_entropy(x_hat, x).mean() + divergence(q.mean, 2 * torch.log(q.stddev)).mean()

    assert_is_the_elbo(bound(Posterior))
    assert shapes == {(3,)}


def normed(inputs: int, outputs: int) -> nn.Module:
    return nn.utils.parametrizations.spectral_norm(nn.Linear(inputs, outputs))


class SpectralNorm(Layers):
    """One number is all that it returns, and each training pass moves the buffers that its weights are divided by."""

    def __init__(self) -> None:
        super().__init__()
        self.inward = nn.Sequential(normed(64, 32), nn.LeakyReLU(0.1), normed(32, 32), nn.LeakyReLU(0.1), normed(32, 16), nn.LeakyReLU(0.1))
        self.mu_layer, self.logvar_layer = nn.Linear(16, 3), nn.Linear(16, 3)

    def forward(self, x: Tensor) -> Tensor:
        h = self.inward(x.flatten(1))
        mu, logvar = self.mu_layer(h), self.logvar_layer(h)
        x_hat = self.layers(mu + torch.exp(logvar / 2) * torch.randn_like(mu)).view_as(x)
        return (cross_entropy(x_hat, x) + divergence(mu, logvar)).mean()


def test_spectral_norm_does_not_hide_the_roles() -> None:
    subject = bound(SpectralNorm)
    assert subject.facts.parts[Part.POSTERIOR].standing is Standing.PRESENT
    assert subject.facts.parts[Part.DECODE].standing is Standing.PRESENT
