"""What the loss's own numbers say of its scale: the variance of a Gaussian likelihood, and whether it is a loss or its negative."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from vae_spec.subject import Raw, Subject, SubjectFault

SAME = 1e-3
"""Relative: how near two numbers lie that are the same."""


def fixed_variance(subject: Subject, x: Tensor) -> float | None:
    """The variance of a Gaussian likelihood of D entries that is not 1, where the loss holds its normaliser; None where it does not.

    At x_hat = x and at the prior the loss is then D / 2 * log(2 pi sigma^2), in nats of its KL, and a squared error of 1 costs
    1 / (2 sigma^2) of them.

    Args:
        subject: whose reconstruction term is a squared error.
        x: one item, of the shape (1, ...).
    """
    x = x.double()
    zero = torch.zeros(1, subject.facts.latent_dim, dtype=torch.float64)
    other = 0.5 * x.flip(-1) + 0.25 * x
    try:
        at_x, moved, away = (
            float(subject.terms(subject.raw(x_hat), x, mu, zero).total) for x_hat, mu in ((x, zero), (x, zero + 1), (other, zero))
        )
    except (SubjectFault, RuntimeError):
        return None
    nat = (moved - at_x) / (0.5 * zero.numel())
    slope = (away - at_x) / (0.5 * float((other - x).square().sum()))
    if not math.isfinite(nat) or not math.isfinite(slope) or nat <= 0 or slope <= 0 or abs(nat / slope - 1) < SAME:
        return None
    variance = nat / slope
    normaliser = 0.5 * x.numel() * math.log(2 * math.pi * variance)
    return variance if abs(at_x / nat - normaliser) < SAME * abs(normaliser) else None


def kl_grows(subject: Subject, raw: Raw, x: Tensor) -> bool:
    """Whether the total is greater for means of 1 than for means of 0."""
    zero = torch.zeros(len(x), subject.facts.latent_dim)
    try:
        return float(subject.terms(raw, x, zero + 1, zero).total) > float(subject.terms(raw, x, zero, zero).total)
    except (SubjectFault, RuntimeError):
        return False
