"""What the loss's own numbers say: which likelihood its term is of, the scale of that, and whether it is a loss or its negative."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from vae_spec.elbo import reconstruction_fit
from vae_spec.subject import Likelihood, Raw, Subject, SubjectFault

SAME = 1e-3
"""Relative: how near two numbers lie that are the same."""


def likelihoods_of(end: str, *, pair: bool) -> list[Likelihood]:
    """Return the likelihoods that fit the end of a decoder, the likeliest first.

    Args:
        end: "unit" for outputs in [0, 1], "symmetric" for those in [-1, 1], "free" for any other.
        pair: whether it gives a mean and a variance.
    """
    if pair:
        return [one for one in Likelihood if one.pair]
    if end == "unit":
        return [Likelihood.BERNOULLI, Likelihood.SQUARED_ERROR, Likelihood.LAPLACE, Likelihood.CONTINUOUS_BERNOULLI]
    if end == "symmetric":
        return [Likelihood.SQUARED_ERROR, Likelihood.LAPLACE]
    plain = [Likelihood.BERNOULLI_LOGITS, Likelihood.SQUARED_ERROR, Likelihood.LAPLACE, Likelihood.BERNOULLI]
    return [*plain, Likelihood.CONTINUOUS_BERNOULLI_LOGITS]


def follows(subject: Subject, likelihood: Likelihood, batch: int) -> bool:
    """Whether the reconstruction term of a loss is that of a likelihood, at a batch size; not where it fails."""
    try:
        return reconstruction_fit(subject, likelihood, batch=batch).good
    except (SubjectFault, RuntimeError):
        return False


def scale_of(subject: Subject, x: Tensor) -> float | None:
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
    if not math.isfinite(nat) or not math.isfinite(slope) or nat <= 0 or slope <= 0 or abs(nat / slope - 1) < SAME:
        return None
    scale = nat / slope
    normaliser = x.numel() * (math.log(2 * scale) if laplace else 0.5 * math.log(2 * math.pi * scale))
    return scale if abs(at_x / nat - normaliser) < SAME * abs(normaliser) else None


def kl_grows(subject: Subject, raw: Raw, x: Tensor) -> bool:
    """Whether the total is greater for means of 1 than for means of 0."""
    zero = torch.zeros(len(x), subject.facts.latent_dim)
    try:
        return float(subject.terms(raw, x, zero + 1, zero).total) > float(subject.terms(raw, x, zero, zero).total)
    except (SubjectFault, RuntimeError):
        return False
