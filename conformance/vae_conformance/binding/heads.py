"""What the second head means: a log-variance, a log-standard deviation, a standard deviation, a variance, a precision or its logarithm.

A standard deviation may come before its softplus or after. The sampling step and the KL are asked independently. Where they
agree, the binding converts, and everybody else speaks of log-variances. Where they disagree, nothing is converted: that is a
mistake for the claims to find.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from enum import StrEnum

import torch
import torch.nn.functional as F
from torch import Tensor

LARGEST_LOGVAR = 40.0
"""The largest log-variance that a precision is given for."""


class Head(StrEnum):
    """The meaning of the encoder's second output."""

    LOGVAR = "log-variance"
    LOG_STD = "log-standard deviation"
    LOG_PRECISION = "log-precision"
    STD = "standard deviation"
    VARIANCE = "variance"
    PRECISION = "precision"
    SOFTPLUS_STD = "standard deviation before its softplus"

    def sigma(self, value: float) -> float:
        """The standard deviation that a head's value stands for."""
        return float(torch.exp(self.to_logvar(torch.tensor(value, dtype=torch.float64)) / 2))

    def to_logvar(self, second: Tensor) -> Tensor:
        """The log-variance for a head's output."""
        return _FORMS[self][0](second)

    def from_logvar(self, logvar: Tensor) -> Tensor:
        """The head's output for a log-variance."""
        return _FORMS[self][1](logvar)


def _before_softplus(logvar: Tensor) -> Tensor:
    std = torch.exp(logvar / 2)
    return std + torch.log(-torch.expm1(-std))


_FORMS: dict[Head, tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]] = {
    Head.LOGVAR: (lambda second: second, lambda logvar: logvar),
    Head.LOG_STD: (lambda second: 2 * second, lambda logvar: logvar / 2),
    Head.LOG_PRECISION: (lambda second: -second, lambda logvar: -logvar),
    Head.STD: (lambda second: 2 * torch.log(second.abs()), lambda logvar: torch.exp(logvar / 2)),
    Head.VARIANCE: (torch.log, torch.exp),
    # The slope of 1 / precision, its square, has to stay within float32.
    Head.PRECISION: (lambda second: -torch.log(second), lambda logvar: torch.exp(-logvar.clamp(max=LARGEST_LOGVAR))),
    Head.SOFTPLUS_STD: (lambda second: 2 * torch.log(F.softplus(second)), _before_softplus),
}
"""From each meaning to a log-variance, and back."""
DECLARED_HEADS = {
    "log-variance": Head.LOGVAR,
    "log-std": Head.LOG_STD,
    "log-precision": Head.LOG_PRECISION,
    "std": Head.STD,
    "variance": Head.VARIANCE,
    "precision": Head.PRECISION,
}
ASKED_HEADS = {head: name for name, head in DECLARED_HEADS.items()} | {Head.SOFTPLUS_STD: "std"}
_NAMES = (
    (Head.LOGVAR, re.compile(r"log_?var|lv$|log_?variance", re.IGNORECASE)),
    (Head.LOG_STD, re.compile(r"log_?std|log_?sd\b|log_?scale", re.IGNORECASE)),
)


def named_head(names: Iterable[str]) -> Head | None:
    """The meaning that a name leaves no doubt about; `log_sigma` and `var` are used for several."""
    return next((head for name in names for head, pattern in _NAMES if pattern.search(name)), None)


def head_of(second: Tensor, sigma: Tensor) -> Head | None:
    """The meaning under which these values of the second head stand for these standard deviations; None where none fits."""
    if second.shape[-1:] not in (sigma.shape[-1:], (1,)):
        return None
    for head in Head:
        expected = torch.exp(0.5 * head.to_logvar(second))
        signed = torch.sign(second) * expected if head is Head.STD else expected
        for stood_for in (expected, signed):
            if bool(torch.isfinite(stood_for).all()) and torch.allclose(stood_for, sigma, rtol=1e-3, atol=1e-5):
                return head
    return None


_PROBES = (0.5, 1.5, 2.0)


def read_sampler(draw: Callable[[Tensor, Tensor], Tensor], latent_dim: int) -> Head | None:
    """The meaning that the sampling step gives its second argument, from draws under one noise; None where none fits."""
    zero = torch.zeros(4, latent_dim)
    base = draw(zero, zero + 1.0)
    if float(base.abs().max()) == 0:
        return None
    clear = base.abs() > 1e-3
    ratios = [float((draw(zero, zero + value) / base)[clear].median()) for value in _PROBES]
    for head in Head:
        if all(abs(ratio / (head.sigma(value) / head.sigma(1.0)) - 1) < 5e-3 for ratio, value in zip(ratios, _PROBES, strict=True)):
            return None if head in _POSITIVE and _has_another_law(draw(zero, zero - 1.0)[clear], base[clear]) else head
    return None


_POSITIVE = (Head.STD, Head.VARIANCE, Head.PRECISION)
"""Meanings of which no value is negative."""


def _has_another_law(negative: Tensor, base: Tensor) -> bool:
    """Whether a step that takes positive numbers for a deviation scales the noise differently where they are negative.

    A product with the noise only turns its sign there, and a root gives no number.
    """
    return bool(torch.isfinite(negative).all()) and abs(float((negative / base).median().abs()) - 1) > 5e-3


def read_kl(kl: Callable[[Tensor, Tensor], float], latent_dim: int) -> Head | None:
    """The meaning that the KL gives its second argument, from its shape in that argument against its shape in mu; None where none fits."""
    zero = torch.zeros(2, latent_dim, dtype=torch.float64)
    for head in Head:
        neutral = float(head.from_logvar(torch.zeros(())))
        base = kl(zero, zero + neutral)
        unit = kl(zero + 1, zero + neutral) - base
        if not math.isfinite(unit) or unit == 0:
            continue
        expected = [head.sigma(value) ** 2 - 1 - 2 * math.log(head.sigma(value)) for value in _PROBES]
        found = [(kl(zero, zero + value) - base) / unit for value in _PROBES]
        if all(abs(one - other) < 1e-3 * (1 + abs(other)) for one, other in zip(found, expected, strict=True)):
            return head
    return None


def agree(sampler: Head | None, kl: Head | None) -> tuple[Head, str]:
    """The meaning to convert by, and what to say of it."""
    if sampler is not None and kl is not None and sampler is not kl:
        return (
            Head.LOGVAR,
            f"the sampling step reads the second head as a {sampler}, the KL as a {kl}: taken as a log-variance",
        )
    found = sampler or kl
    if found is None or found is Head.LOGVAR:
        return Head.LOGVAR, ""
    return found, f"the second head is a {found}: converted to a log-variance"
