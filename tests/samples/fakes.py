"""A small Subject for tests: the ELBO without networks, with replaceable reductions, KL and sampling step."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import cast

import torch
from torch import Tensor

from vae_spec.elbo import closed_form_kl, negative_log_likelihood, unit_variance, with_mean
from vae_spec.subject import (
    DrawGradients,
    Facts,
    Likelihood,
    Noise,
    Part,
    PartReport,
    Raw,
    Standing,
    Subject,
    SubjectFault,
    Terms,
)

Reduction = Callable[[int, int], float]
"""(items, entries per item) -> the factor on a term's mean over items."""

REDUCTIONS: Mapping[str, Reduction] = {
    "sums": lambda items, _entries: float(items),
    "batch means": lambda _items, _entries: 1.0,
    "means over everything": lambda _items, entries: 1.0 / entries,
}


def gaussian_sample(mu: Tensor, logvar: Tensor, eps: Tensor) -> Tensor:
    """Apply the correct sampling step."""
    return mu + torch.exp(0.5 * logvar) * eps


def parts(**standings: Standing) -> dict[Part, PartReport]:
    """Return a report in which every part is present, except those given by their names in `Part`."""
    return {part: PartReport(standings.get(part.name, Standing.PRESENT), f"the {part} of the fake") for part in Part}


def facts(**changes: object) -> Facts:
    """Return the facts of a small sound implementation, with changes."""
    plain = Facts(
        name="fake",
        input_shape=(2, 5),
        input_range=(0.0, 1.0),
        latent_dim=3,
        likelihood=Likelihood.BERNOULLI,
        parts=parts(),
        parameters=10,
    )
    return replace(plain, **changes)


@dataclass
class FakeSubject:
    """The loss and the sampling step of a VAE without networks.

    Attributes:
        facts: the facts that it reports.
        reconstruction_reduction, kl_reduction: how its terms are reduced.
        constant: a constant added to the reconstruction term.
        kl: computes the KL of each item.
        sample: computes z from mu, logvar and standard normal noise.
        fault: raised by every operation if it is not None.
        drawn: the sizes of all draws so far.
    """

    facts: Facts = field(default_factory=facts)
    reconstruction_reduction: Reduction = REDUCTIONS["batch means"]
    kl_reduction: Reduction = REDUCTIONS["batch means"]
    constant: float = 0.0
    kl: Callable[[Tensor, Tensor], Tensor] = closed_form_kl
    sample: Callable[[Tensor, Tensor, Tensor], Tensor] = gaussian_sample
    fault: SubjectFault | None = None
    drawn: list[int] = field(default_factory=list)

    def raw(self, x_hat: Tensor) -> Raw:
        """Return the raw output whose mean under the likelihood is `x_hat`."""
        self._fail()
        likelihood = self.facts.likelihood or Likelihood.SQUARED_ERROR
        mean = with_mean(likelihood, x_hat)
        return (mean, unit_variance(likelihood, mean)) if likelihood.pair else (mean,)

    def terms(self, raw: Raw, x: Tensor, mu: Tensor, logvar: Tensor, *, z: Tensor | None = None, beta: float | None = None) -> Terms:
        """Compute the reduced terms of the ELBO."""
        self._fail()
        items, entries = len(x), math.prod(x.shape[1:])
        likelihood = self.facts.likelihood or Likelihood.SQUARED_ERROR
        reconstruction = self.reconstruction_reduction(items, entries) * negative_log_likelihood(likelihood, raw, x).mean() + self.constant
        kl = self.kl_reduction(items, entries) * self.kl(mu, logvar).mean()
        return Terms(reconstruction + (1.0 if beta is None else beta) * kl, reconstruction, kl)

    def draw(self, mu: Tensor, logvar: Tensor, noise: Noise, **_mode: object) -> Tensor:
        """Draw z under the noise's seed."""
        self._fail()
        self.drawn.append(mu.numel())
        return self.sample(mu, logvar, torch.randn(mu.shape, generator=torch.Generator().manual_seed(noise.seed), dtype=mu.dtype))

    def draw_changes(self, mu: Tensor, logvar: Tensor, noise: Noise) -> tuple[str, ...]:
        """Return the names of the arguments that a draw changes in place."""
        copies = mu.clone(), logvar.clone()
        self.draw(*copies, noise)
        return tuple(name for name, now, then in zip(("mu", "logvar"), copies, (mu, logvar), strict=True) if not torch.equal(now, then))

    def draw_vjp(self, mu: Tensor, logvar: Tensor, noise: Noise, cotangent: Tensor) -> DrawGradients:
        """Draw z and compute its vector-Jacobian products."""
        mu, logvar = mu.clone().requires_grad_(), logvar.clone().requires_grad_()
        z = self.draw(mu, logvar, noise)
        slopes = torch.autograd.grad(z, (mu, logvar), cotangent, allow_unused=True)
        return DrawGradients(z.detach(), slopes[0], slopes[1])

    def _fail(self) -> None:
        if self.fault is not None:
            raise self.fault


def fake(**changes: object) -> Subject:
    """Return a `FakeSubject`, typed as a Subject."""
    return cast("Subject", FakeSubject(**changes))
