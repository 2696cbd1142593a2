"""Posteriors in objects of the author's own, and what changes its arguments in place."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from binding_samples import Layers, Native, bound, cross_entropy, divergence, second_head, verdict
from torch import Tensor

from vae_spec.outcomes import Outcome
from vae_spec.subject import Noise, Part, Standing

STREAM = torch.Generator().manual_seed(0)
X, RAW = (torch.rand(4, 1, 8, 8, generator=STREAM, dtype=torch.float64) for _ in range(2))
MU, LOGVAR = (torch.randn(4, 3, generator=STREAM, dtype=torch.float64) for _ in range(2))


class OfParameters:
    """Of both heads side by side."""

    def __init__(self, parameters: Tensor, deterministic: bool = False) -> None:
        self.parameters, self.deterministic = parameters, deterministic
        self.mean, self.logvar = parameters.chunk(2, dim=1)
        self.logvar = self.logvar.clamp(-30, 20)
        self.std, self.var = torch.exp(0.5 * self.logvar), torch.exp(self.logvar)

    def kl(self) -> Tensor:
        return 0.5 * (self.mean**2 + self.var - 1 - self.logvar).sum(1)

    def sample(self) -> Tensor:
        return self.mean + self.std * torch.randn_like(self.mean)


class OfTwo(OfParameters):
    """Of mu and the standard deviation, kept as its logarithm's double."""

    def __init__(self, mean: Tensor, std: Tensor) -> None:
        self.mean, self.logvar, self.std, self.var = mean, 2 * torch.log(std), std, std**2


class Filled(OfParameters):
    """Of nothing: its attributes are set from outside."""

    def __init__(self) -> None:
        pass


def filled(both: Tensor) -> Filled:
    made = Filled()
    made.mean, made.logvar = both.chunk(2, dim=1)
    made.std, made.var = torch.exp(0.5 * made.logvar), torch.exp(made.logvar)
    return made


def of_two(both: Tensor) -> OfTwo:
    mean, logvar = both.chunk(2, dim=1)
    return OfTwo(mean, torch.exp(0.5 * logvar))


MAKERS = [OfParameters, of_two, filled]


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("kind", ["parts", "whole", "driven", "third"])
def test_a_loss_of_a_posterior_of_the_authors_own(make: Any, kind: str) -> None:
    class Model(Layers):
        def encode(self, x: Tensor) -> Any:
            return make(torch.cat(self.heads(x), dim=1))

        def decode(self, z: Tensor) -> Any:
            return self.layers(z).view(-1, 1, 8, 8)

        def forward(self, x: Tensor) -> Any:
            posterior = self.encode(x)
            return self.decode(posterior.sample()), posterior

    def parts(inputs: Tensor, reconstructions: Tensor, posterior: Any, kl_weight: float = 1.0) -> Tensor:
        return (cross_entropy(reconstructions, inputs) + kl_weight * posterior.kl()).mean()

    def third(recon: Tensor, x: Tensor, gauss: Any) -> Tensor:
        return parts(x, recon, gauss)

    def whole(outputs: Any, x: Tensor) -> Tensor:
        return parts(x, *outputs)

    def driven(model: Any, x: Tensor) -> Tensor:
        return parts(x, *model(x))

    function = {"parts": parts, "whole": whole, "driven": driven, "third": third}[kind]
    function.__name__ = "compute_loss"
    subject = bound(Model, function)
    assert subject.facts.parts[Part.LOSS].standing is Standing.PRESENT
    terms = subject.terms((RAW,), X, MU, LOGVAR)
    assert float(terms.reconstruction) == pytest.approx(float(cross_entropy(RAW, X).mean()), rel=1e-5)
    assert float(terms.kl) == pytest.approx(float(divergence(MU, LOGVAR).mean()), rel=1e-4)
    x = X.float()
    torch.testing.assert_close(subject.posterior(x).mu, subject.model.heads(x)[0].detach())


# arguments that are changed in place


class InPlace(Native):
    def reparameterize(self, mu: Tensor, logvar: Tensor) -> Tensor:
        std = logvar.mul_(0.5).exp_()
        return torch.randn_like(std).mul(std).add_(mu)


class MuInPlace(Native):
    def reparameterize(self, mu: Tensor, logvar: Tensor) -> Tensor:
        return mu.add_(torch.exp(0.5 * logvar) * torch.randn_like(mu))


@pytest.mark.parametrize(("kind", "changed"), [(Native, ()), (InPlace, ("logvar",)), (MuInPlace, ("mu",))])
def test_a_step_that_overwrites_its_arguments_spoils_no_other_reading(kind: type[Native], changed: tuple[str, ...]) -> None:
    subject = bound(kind)
    assert second_head(subject) == "log-variance"
    mu, logvar = MU.float(), LOGVAR.float()
    z = subject.draw(mu, logvar, Noise(given=torch.ones(4, 3)))
    torch.testing.assert_close(z, mu + torch.exp(0.5 * logvar))
    assert torch.equal(mu, MU.float())
    assert torch.equal(logvar, LOGVAR.float())
    assert not torch.equal(z, mu)
    assert subject.draw_changes(mu, logvar, Noise(seed=1)) == changed
    verdicts = {claim: verdict(claim, subject).outcome for claim in ("REP-01", "REP-04", "REP-06")}
    assert (verdicts["REP-06"] is Outcome.VIOLATED) == bool(changed)
    assert [verdicts["REP-01"], verdicts["REP-04"]] == [Outcome.HOLDS] * 2


def test_a_loss_that_overwrites_its_arguments_is_handed_copies() -> None:
    class Overwriting(Native):
        def loss(self, x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:  # type: ignore[override]
            reconstruction = cross_entropy(x_hat, x).mean()
            x.zero_(), x_hat.zero_()
            return reconstruction + 0.5 * (mu.pow_(2) - 1 - logvar + logvar.exp()).sum(1).mean()

    terms = bound(Overwriting).terms((RAW,), X, MU, LOGVAR)
    assert float(terms.reconstruction) == pytest.approx(float(cross_entropy(RAW, X).mean()), rel=1e-5)
    assert float(terms.kl) == pytest.approx(float(divergence(MU, LOGVAR).mean()), rel=1e-4)
    assert float(X.min()) > 0
