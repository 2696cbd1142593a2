"""What the second head means: read from the sampling step and from the KL, and converted to a log-variance if they agree."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from binding_samples import ByMatrices, Layers, Native, bound, cross_entropy, divergence, noisy, second_head, verdict
from torch import Tensor, nn
from torch.nn import functional as F

from vae_spec.outcomes import Outcome
from vae_spec.subject import Noise, Part, Standing

Function = Callable[[Tensor], Tensor]
X = torch.rand(4, 1, 8, 8, generator=torch.Generator().manual_seed(3))


def identity(raw: Tensor) -> Tensor:
    return raw


def positive(raw: Tensor) -> Tensor:
    return F.softplus(raw) + 1e-3


HEADS: dict[str, tuple[Function, Function]] = {
    "log-variance": (identity, lambda s: torch.exp(s / 2)),
    "log-standard deviation": (identity, torch.exp),
    "standard deviation": (positive, identity),
    "variance": (positive, torch.sqrt),
    "precision": (positive, torch.rsqrt),
    "standard deviation before its softplus": (identity, F.softplus),
}
"""What a second head may mean: the layer's end that suits it, and the standard deviation that it stands for."""
every_head = pytest.mark.parametrize("head", HEADS)


class OfHead(Native):
    """A VAE whose second head has an end of its own, and means what `sigma` says."""

    end, sigma = staticmethod(identity), staticmethod(identity)
    kl_weight = 1.0

    def heads(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mu, raw = super().heads(x)
        return mu, self.end(raw)

    def reparameterize(self, mu: Tensor, second: Tensor) -> Tensor:
        return mu + self.sigma(second) * torch.randn_like(mu)

    def loss(self, x_hat: Tensor, x: Tensor, mu: Tensor, second: Tensor) -> Any:  # type: ignore[override]
        kl = divergence(mu, 2 * torch.log(self.sigma(second))).mean()
        return cross_entropy(x_hat, x).mean() + self.kl_weight * kl


def of_head(head: str, **changes: Any) -> type[nn.Module]:
    end, sigma = HEADS[head]
    return type("OfHead", (OfHead,), {"end": staticmethod(end), "sigma": staticmethod(sigma), **changes})


@every_head
def test_posterior_draws_and_kl_are_converted_to_the_log_variance(head: str) -> None:
    subject = bound(of_head(head))
    assert second_head(subject) == head
    mu, second = (value.detach() for value in subject.model.heads(X))
    torch.testing.assert_close(subject.posterior(X).logvar, 2 * torch.log(HEADS[head][1](second)))
    given = torch.ones(5, 3)
    zero, logvar = torch.zeros(5, 3), torch.linspace(-6, 6, 15).view(5, 3)
    torch.testing.assert_close(subject.draw(zero, logvar, Noise(given=given)), torch.exp(0.5 * logvar))
    logvar = torch.linspace(-2, 2, 12).view(4, 3)
    assert float(subject.terms((X,), X, mu, logvar).kl) == pytest.approx(float(divergence(mu, logvar).mean()), rel=1e-4)


@every_head
def test_the_sampling_step_tells_the_head_where_there_is_no_loss(head: str) -> None:
    subject = bound(of_head(head, loss=None))
    assert subject.facts.parts[Part.LOSS].standing is Standing.REPLACED
    assert second_head(subject) == head


@every_head
def test_a_floor_on_the_standard_deviation_changes_nothing(head: str) -> None:
    sigma = HEADS[head][1]

    def floored(_self: nn.Module, mu: Tensor, second: Tensor) -> Tensor:
        return mu + (sigma(second) + 1e-6) * torch.randn_like(mu)

    assert second_head(bound(of_head(head, reparameterize=floored, loss=None))) == head


class OfMatrices(ByMatrices):
    """Its draw stands between matrices, where it cannot be seen."""

    heads, end, sigma, kl_weight, loss = OfHead.heads, OfHead.end, OfHead.sigma, 1.0, OfHead.loss

    def forward(self, x: Tensor) -> Any:
        mu, raw = Layers.heads(self, x)
        second = self.end(raw)
        z = mu + self.sigma(second) * torch.randn_like(mu)
        return torch.sigmoid(z @ self.weight).view_as(x), mu, second


@pytest.mark.parametrize(
    ("head", "weight"), [*((head, 0.5) for head in HEADS), *(("log-standard deviation", weight) for weight in (1.0, 1 / 128, -1.0, 2000.0))]
)
def test_the_kl_tells_the_head_whatever_its_weight_where_nothing_but_a_product_takes_the_latent(head: str, weight: float) -> None:
    end, sigma = HEADS[head]
    model = type("OfMatrices", (OfMatrices,), {"end": staticmethod(end), "sigma": staticmethod(sigma), "kl_weight": weight})
    subject = bound(model)
    assert subject.facts.parts[Part.DRAW].account.startswith("inline")
    assert second_head(subject) == head


@pytest.mark.parametrize(
    "draw",
    [lambda mu, _second: mu, lambda mu, _second: mu + torch.randn_like(mu), lambda mu, second: noisy(mu, 4 * second)],
    ids=["no noise", "noise of one width", "the square of a variance"],
)
def test_wrong_samplers_have_no_meaning_and_nothing_is_converted(draw: Callable[[Tensor, Tensor], Tensor]) -> None:
    wrong = type("Wrong", (OfHead,), {"reparameterize": lambda _self, mu, second: draw(mu, second), "loss": None})
    subject = bound(wrong)
    torch.testing.assert_close(subject.posterior(X).logvar, subject.model.heads(X)[1].detach())


@pytest.mark.parametrize(
    "kl",
    [
        lambda mu, second: 0 * (mu + second).sum() + 3,
        lambda mu, second: 0.5 * (mu**2 + torch.exp(second) - 1).sum(),
        lambda mu, second: (mu + second).sum() * float("nan"),
    ],
    ids=["constant", "without its logarithm", "not a number"],
)
def test_wrong_kls_have_no_meaning_and_the_sampling_step_is_followed(kl: Callable[[Tensor, Tensor], Tensor]) -> None:
    def loss(_self: nn.Module, x_hat: Tensor, x: Tensor, mu: Tensor, second: Tensor) -> Tensor:
        return cross_entropy(x_hat, x).mean() + kl(mu, second)

    assert second_head(bound(of_head("log-standard deviation", loss=loss))) == "log-standard deviation"


def test_a_log_variance_is_nothing_to_speak_of() -> None:
    assert not any("second head" in note for note in bound(Native).facts.notes)


def test_a_signed_sigma_has_the_variance_of_its_size() -> None:
    subject = bound(type("Signed", (OfHead,), {}))
    assert second_head(subject) == "standard deviation"
    second = subject.model.heads(X)[1].detach()
    assert float(second.min()) < 0
    torch.testing.assert_close(subject.posterior(X).logvar, torch.log(second.square()))


def test_sampler_and_kl_that_disagree_are_left_to_the_claims() -> None:
    class Disagreeing(Native):
        def reparameterize(self, mu: Tensor, logvar: Tensor) -> Tensor:
            return noisy(mu, 2 * logvar)

    subject = bound(Disagreeing)
    assert second_head(subject) == "log-variance"
    assert any("as a log-standard deviation, the KL as a log-variance" in note for note in subject.facts.notes)
    assert verdict("KL-02", subject).outcome is Outcome.VIOLATED


def test_a_second_head_before_its_softplus_is_told_from_the_noise() -> None:
    class Softplus(Layers):
        def forward(self, x: Tensor) -> Tensor:
            h = torch.relu(self.hidden(x.flatten(1)))
            mu, rho = self.head(h), self.second(h)
            return self.decode(mu + F.softplus(rho) * torch.randn_like(mu))

        def decode(self, z: Tensor) -> Tensor:
            return self.layers(z).view(-1, 1, 8, 8)

    subject = bound(Softplus)
    assert second_head(subject) == "standard deviation before its softplus"
    assert "second head while forward runs" in subject.facts.parts[Part.POSTERIOR].account
