"""What the loss says of its objective: an estimate of the KL, a learned or a fixed scale of the likelihood, weights of the terms."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from vae_conformance.binding.author_weights import author_weights
from vae_conformance.binding.bound_subject import InProcessSubject
from vae_conformance.binding.findings import Findings
from vae_spec.subject import Facts, Likelihood, Objective, Part, Raw, Standing, Subject, SubjectFault

_SAME = 1e-3
"""Relative: how near two numbers lie that are the same."""
_ITEMS, _TRIALS = 2, 4
_TOLERANCE = 1e-3
"""Of the largest value: far more than single precision loses, far less than any other formula of two heads and a draw comes near."""


def with_objective(
    build: Callable[[Facts], InProcessSubject], facts: Facts, found: Findings, x: Tensor, *, closed: bool, declared: bool
) -> Facts:
    """The facts with what the loss says of its objective, where nothing else is declared.

    Args:
        build: gives the subject of some facts, with its loss and its second head.
        facts: what is known.
        found: to take the notes.
        x: items in the data's range, an output of which was found.
        closed: whether the KL is known to be the closed form.
        declared: whether the user says what the objective is.
    """
    learned = facts.likelihood is not None and facts.likelihood.own_variance
    if found.parts[Part.LOSS].standing is not Standing.PRESENT:
        return replace(facts, learned_scale=learned)
    if found.raw is not None:
        raw = tuple(one.detach() for one in found.raw)
        if facts.objective is Objective.ELBO and not closed and _estimates_kl(build(facts), raw, x):
            facts = replace(facts, objective=Objective.ELBO_MONTE_CARLO)
            found.notes.append("the KL is log q(z | x) - log p(z) at the draw: a Monte Carlo estimate, without a closed form to check")
        if not learned and (learned := _learns_scale(build(facts), raw, x)):
            found.notes.append("the likelihood's variance is learned inside the loss")
    facts = replace(facts, learned_scale=learned)
    if facts.effective_beta is None and (scale := _scale(build(facts), x[:1])) is not None:
        facts = replace(facts, effective_beta=scale)
        named = f"b = {scale:.4g}" if facts.likelihood is Likelihood.LAPLACE else f"sigma^2 = {scale:.4g}"
        known = "which it learns, at first " if learned else ""
        found.notes.append(f"the loss holds the normaliser of its likelihood, with {known}{named}: that is what its KL weighs")
    if facts.effective_beta is not None or facts.objective is not Objective.ELBO or facts.kl_alone:
        return facts
    changed = author_weights(build(facts))
    return facts if declared and "objective" in changed else replace(facts, **changed)


def _learns_scale(subject: InProcessSubject, raw: Raw, x: Tensor) -> bool:
    """Whether the likelihood's variance is a parameter inside the loss."""
    try:
        return subject.loss_depends_on_parameters(raw, x)
    except SubjectFault:
        return False


def log_ratio(z: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    """Log q(z | x) - log p(z) of each item, nats, where q is N(mu, exp(logvar)) and p is N(0, 1).

    Its mean over draws is the KL divergence (Kingma and Welling 2014, section 2.3). All of shape (batch, latent_dim).
    """
    return (z.square() - (z - mu).square() * torch.exp(-logvar) - logvar).sum(1) / 2


def _estimates_kl(subject: InProcessSubject, raw: Raw, x: Tensor) -> bool:
    """Whether the loss's KL is the log ratio of posterior and prior at the draw, but for one constant factor, whatever the draws are.

    Args:
        subject: with its loss and its second head.
        raw: an output for some items.
        x: these items, `_ITEMS` or more.
    """
    rng = torch.Generator().manual_seed(12)
    raw, x = tuple(one[:_ITEMS] for one in raw), x[:_ITEMS]
    given, expected = [], []
    for _ in range(_TRIALS):
        mu, logvar, eps = (torch.randn(len(x), subject.facts.latent_dim, generator=rng) for _ in range(3))
        try:
            given.append(float(subject.kl_at(raw, x, mu, logvar, eps)))
        except (SubjectFault, RuntimeError):
            return False
        expected.append(float(log_ratio(mu + torch.exp(logvar / 2) * eps, mu, logvar).mean()))
    there, ours = torch.tensor(given, dtype=torch.float64), torch.tensor(expected, dtype=torch.float64)
    factor = float((there * ours).sum() / ours.square().sum())
    largest = float(there.abs().max())
    return largest > 0 and bool((there - factor * ours).abs().max() < _TOLERANCE * largest)


def _scale(subject: Subject, x: Tensor) -> float | None:
    """The scale s of a likelihood of D entries that is not 1, where the loss holds its normaliser; None where it does not.

    A Gaussian's s is its variance: a squared error of 1 costs 1 / (2 s) nats of the loss's own KL, and at x_hat = x and at the prior the
    loss is D / 2 * log(2 pi s) of them. A Laplace distribution's is its b: an error of 1 costs 1 / s, and the loss is D * log(2 s) there.

    Args:
        subject: whose reconstruction term is a squared or an absolute error.
        x: one item, of the shape (1, ...).
    """
    laplace = subject.facts.likelihood is Likelihood.LAPLACE
    if not laplace and subject.facts.likelihood is not Likelihood.SQUARED_ERROR:
        return None
    x = x.double()
    zero = torch.zeros(1, subject.facts.latent_dim, dtype=torch.float64)
    other = 0.5 * x.flip(-1) + 0.25 * x
    try:
        at_x, moved, away = (
            float(subject.terms(subject.raw(x_hat), x, mu, zero).total) for x_hat, mu in ((x, zero), (x, zero + 1), (other, zero))
        )
    except (SubjectFault, RuntimeError):
        return None
    error = (other - x).abs().sum() if laplace else 0.5 * (other - x).square().sum()
    nat, slope = (moved - at_x) / (0.5 * zero.numel()), (away - at_x) / float(error)
    if not math.isfinite(nat) or not math.isfinite(slope) or nat <= 0 or slope <= 0 or abs(nat / slope - 1) < _SAME:
        return None
    scale = nat / slope
    normaliser = x.numel() * (math.log(2 * scale) if laplace else 0.5 * math.log(2 * math.pi * scale))
    return scale if abs(at_x / nat - normaliser) < _SAME * abs(normaliser) else None
