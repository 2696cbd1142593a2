"""Losses that run a model whose forward encodes inline, functions of the model and the batch, and losses that nobody can call."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from binding_samples import Inline, Layers, Native, bound, cross_entropy, divergence
from torch import Tensor, nn
from torch.nn import functional as F

from vae_conformance.errors import Unbound
from vae_spec.context import ClaimContext
from vae_spec.judging import ask
from vae_spec.outcomes import Outcome
from vae_spec.registry import CLAIMS
from vae_spec.subject import Likelihood, Part, Standing

STREAM = torch.Generator().manual_seed(0)
X, RAW = (torch.rand(4, 64, generator=STREAM, dtype=torch.float64) for _ in range(2))
MU, LOGVAR = (torch.randn(4, 3, generator=STREAM, dtype=torch.float64) for _ in range(2))


def check(subject: Any, kl: Callable[[Tensor, Tensor], Tensor] = divergence) -> None:
    """The terms at another output and posterior are those of the author's loss."""
    assert subject.facts.parts[Part.LOSS].standing is Standing.PRESENT
    terms = subject.terms((RAW.reshape(4, *subject.facts.input_shape),), X.reshape(4, *subject.facts.input_shape), MU, LOGVAR)
    expected = float((kl(MU, LOGVAR) - kl(torch.zeros_like(MU), torch.zeros_like(MU))).mean())
    assert float(terms.reconstruction) == pytest.approx(float((cross_entropy(RAW, X) + kl(0 * MU, 0 * LOGVAR)).mean()), rel=1e-5)
    assert float(terms.kl) == pytest.approx(expected, rel=1e-4)


def wrong(mu: Tensor, logvar: Tensor) -> Tensor:
    return -0.5 * (1 + logvar - mu**2 - (0.5 * logvar).exp()).sum(1)


class KlInForward(Layers):
    """Heads inline, the decoder a part, the KL computed inside of forward."""

    kl = staticmethod(divergence)

    def __init__(self) -> None:
        super().__init__()
        self.decoder = self.layers

    def forward(self, x: Tensor) -> Any:
        mu, logvar = self.heads(x)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        return self.decoder(z), mu, logvar, self.kl(mu, logvar)

    def loss(self, x: Tensor) -> Tensor:
        x_hat, _mu, _logvar, kl = self(x)
        return (cross_entropy(x_hat, x) + kl).mean()


class WrongKlInForward(KlInForward):
    kl = staticmethod(wrong)


class OneLayer(KlInForward):
    """Both heads in one layer."""

    def __init__(self) -> None:
        super().__init__()
        self.both = nn.Linear(16, 6)

    def heads(self, x: Tensor) -> Any:
        return self.both(torch.relu(self.hidden(x.flatten(1)))).chunk(2, 1)


class OfResults(Inline):
    """Neither the heads nor the decoder can be handed anything but by what forward returns."""

    def loss(self, x: Tensor, reduce: bool = True) -> Tensor:
        x_hat, mu, logvar = self(x)
        items = cross_entropy(x_hat, x) + divergence(mu * 1.0, logvar)
        return items.mean() if reduce else items


@pytest.mark.parametrize(
    ("kind", "kl"), [(KlInForward, divergence), (WrongKlInForward, wrong), (OneLayer, divergence), (OfResults, divergence)]
)
def test_a_loss_of_the_batch_is_the_authors_own_where_forward_encodes_inline(kind: type[nn.Module], kl: Any) -> None:
    subject = bound(kind)
    check(subject, kl)
    assert subject.facts.parts[Part.LOSS].account.startswith("method loss(x)")
    assert subject.facts.likelihood is Likelihood.BERNOULLI


def test_a_wrong_kl_inside_of_forward_is_rejected() -> None:
    assert ask(CLAIMS["KL-03"], bound(WrongKlInForward), ClaimContext("KL-03", seed=0, examples=3)).outcome is Outcome.VIOLATED
    assert ask(CLAIMS["KL-03"], bound(KlInForward), ClaimContext("KL-03", seed=0, examples=3)).outcome is Outcome.HOLDS


def test_the_option_names_a_loss_that_runs_the_model() -> None:
    assert bound(KlInForward, loss="loss").facts.parts[Part.LOSS].account.startswith("method loss(x)")


class Weighted(Native):
    """Draws along a dimension of their own, and a number of them that has a default."""

    def loss(self, x: Tensor, draws: int = 1) -> Tensor:  # type: ignore[override]
        mu, logvar = (one.repeat(draws, 1, 1) for one in self.encode(x))
        z = self.reparameterize(mu, logvar)
        log_q = (-0.5 * (z - mu) ** 2 / logvar.exp() - 0.5 * logvar).sum(-1)
        scores = F.binary_cross_entropy(self.decode(z), x.expand(draws, *x.shape), reduction="none").flatten(2).sum(-1)
        return -(torch.logsumexp(-0.5 * z.square().sum(-1) - log_q - scores, 0) - math.log(draws)).mean()

    def decode(self, z: Tensor) -> Any:
        return self.layers(z).view(*z.shape[:-1], 1, 8, 8)


def test_a_parameter_with_a_default_hides_no_loss() -> None:
    subject = bound(Weighted)
    assert subject.facts.parts[Part.LOSS].account.startswith("method loss(x)")
    assert subject.facts.likelihood is Likelihood.BERNOULLI


def test_the_weight_is_an_argument_of_a_loss_that_runs_the_model() -> None:
    class Beta(KlInForward):
        def loss(self, x: Tensor, beta: float) -> Tensor:  # type: ignore[override]
            x_hat, _mu, _logvar, kl = self(x)
            return (cross_entropy(x_hat, x) + beta * kl).mean()

    subject = bound(Beta)
    check(subject)
    assert subject.facts.parts[Part.BETA].standing is Standing.PRESENT
    half, one = (subject.terms((RAW,), X, MU, LOGVAR, beta=beta).kl for beta in (0.5, 1.0))
    assert float(half) == pytest.approx(0.5 * float(one), rel=1e-5)


def total(model: Any, x: Tensor) -> Tensor:
    x_hat, mu, logvar = model(x)
    return (cross_entropy(x_hat, x) + divergence(mu, logvar)).mean()


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "(model, x)": lambda model, x: total(model, x),
    "(net, data)": lambda net, data: total(net, data),
    "(x, vae)": lambda x, vae: total(vae, x),
    "(f, x)": lambda f, x: total(f, x),
    "(a, b)": lambda a, b: total(a, b),
    "(b, a)": lambda b, a: total(a, b),
    "(model, batch) with labels": lambda model, batch: total(model, batch[0] if len(batch) == 2 else 1 / 0),
}


@pytest.mark.parametrize("kind", [Native, Inline])
@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS.keys())
def test_a_function_of_the_model_and_the_batch(kind: type[nn.Module], function: Callable[..., Any]) -> None:
    class Bare(kind):  # type: ignore[valid-type, misc]
        loss = None

    function.__name__ = "compute_loss"
    subject = bound(Bare, function)
    check(subject)
    assert subject.facts.parts[Part.LOSS].account.startswith(("function compute_loss(model, x)", "function compute_loss(x, model)"))


def test_of_two_functions_the_one_that_calls_the_other_is_the_loss() -> None:
    def elbo(model: Any, x: Tensor) -> Tensor:
        return -total(model, x)

    def loss(model: Any, x: Tensor) -> Tensor:
        return -elbo(model, x)

    subject = bound(Inline, elbo, loss)
    assert subject.facts.parts[Part.LOSS].account.startswith("function loss(model, x)")
    check(subject)


# losses that nobody can call


class Without(Native):
    loss = None  # type: ignore[assignment]


def test_a_loss_that_nobody_can_call_is_refused_by_name() -> None:
    def compute_loss(x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor, teacher: Any) -> Tensor:
        return total(teacher, x)

    with pytest.raises(Unbound, match=r"function compute_loss\(.*teacher.*\) \(line \d+\) has the name of a loss") as caught:
        bound(Without, compute_loss)
    assert "--loss NAME" in caught.value.hint
    assert "docs/adapters.md" in caught.value.hint
    with pytest.raises(Unbound, match="has the name of a loss"):
        bound(Without, compute_loss, loss="compute_loss")


def test_what_the_last_attempt_gave_is_told() -> None:
    class Epochs(Native):
        def loss(self, x: Tensor, temperature: Any) -> Tensor:  # type: ignore[override]
            return total(self, x) * temperature["now"]

    with pytest.raises(Unbound, match=r"method loss.*temperature.*the last attempt with .* raised"):
        bound(Epochs)


def test_a_broken_forward_is_for_the_claims_to_say() -> None:
    class Broken(Native):
        def forward(self, x: Tensor) -> Any:
            raise ValueError("broken")

        def loss(self, x: Tensor) -> Tensor:  # type: ignore[override]
            return total(self, x)

    assert bound(Broken, input_shape=(1, 8, 8)).facts.parts[Part.FORWARD].standing is Standing.FAILING


def loss(self: Any, *args: Any) -> Tensor:
    """What subclasses write."""
    raise NotImplementedError


def discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    return real.nothing + fake


def kl_loss(q: Any, p: Any) -> Tensor:
    return q.nothing + p


def bce_loss(logits: Tensor, target: Tensor, reduction: str = "sum") -> Tensor:
    return F.binary_cross_entropy(logits, target, reduction=reduction)


def test_loss(model: Any, loader: Any) -> float:
    return sum(float(total(model, x)) for x in loader.batches)


def plot_loss(values: list[float]) -> None:
    raise ValueError(values)


def make_criterion(kind: str) -> Callable[..., Any]:
    return {"sum": bce_loss}[kind]


test_loss.__test__ = False  # type: ignore[attr-defined]


@pytest.mark.parametrize("function", [loss, discriminator_loss, kl_loss, bce_loss, test_loss, plot_loss, make_criterion])
def test_what_is_plainly_no_loss_of_the_model_is_not_refused(function: Callable[..., Any]) -> None:
    assert bound(Without, function).facts.parts[Part.LOSS].standing is Standing.REPLACED


def compute_elbo(model: Any, x: Tensor) -> Tensor:
    return total(model, x)


def test_a_stub_of_a_base_class_is_not_refused() -> None:
    class Base(Without):
        def loss_function(self, *inputs: Any, **kwargs: Any) -> Tensor:
            raise NotImplementedError

    assert bound(Base).facts.parts[Part.LOSS].standing is Standing.FAILING
    assert bound(Base, compute_elbo).facts.parts[Part.LOSS].account.startswith("function compute_elbo(model, x)")
