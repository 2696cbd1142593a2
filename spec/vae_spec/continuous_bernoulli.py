"""The continuous Bernoulli distribution on [0, 1] (Loaiza-Ganem and Cunningham 2019): p(x) proportional to exp(eta x).

Its parameter is lambda = sigmoid(eta), as for a Bernoulli, but its mean differs from lambda, and its density has a normaliser that depends
on lambda: binary cross-entropy without it is not a likelihood of grey values. All functions are exact for any eta in float64; near eta = 0
they use series.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vae_spec.lazy import torch

if TYPE_CHECKING:
    from torch import Tensor


SMALL = 0.05
"""Below this size, series are more accurate than differences: their truncation error is below 1e-12."""
FARTHEST = 30.0
"""The largest |eta| returned by `of_mean`, for means of 1/30 and 29/30: beyond it, lambda is 0 or 1 to the precision of many losses."""


def log_partition(eta: Tensor) -> Tensor:
    """Compute the log of the integral of exp(eta x) over [0, 1], entry by entry, nats: eta / 2 + log(sinh(h) / h) with h = eta / 2."""
    h = 0.5 * eta.abs()
    safe = h.clamp_min(SMALL)
    far = safe + torch.log(-torch.expm1(-2 * safe)) - torch.log(2 * safe)
    near = h.square() / 6 - h.pow(4) / 180 + h.pow(6) / 2835
    return 0.5 * eta + torch.where(h < SMALL, near, far)


def mean(eta: Tensor) -> Tensor:
    """Compute the mean, entry by entry: (1 + coth(h) - 1 / h) / 2 with h = eta / 2."""
    h = 0.5 * eta
    safe = torch.where(h.abs() < SMALL, SMALL, h)
    far = 1 / torch.tanh(safe) - 1 / safe
    near = h / 3 - h.pow(3) / 45 + 2 * h.pow(5) / 945 - h.pow(7) / 4725
    return 0.5 * (1 + torch.where(h.abs() < SMALL, near, far))


def of_mean(wanted: Tensor) -> Tensor:
    """Find the eta with the given mean, entry by entry, within `FARTHEST`, by Newton's method from Cohen's approximation."""
    y = (2 * wanted.double() - 1).clamp(-1 + 1e-9, 1 - 1e-9)
    h = (y * (3 - y.square()) / (1 - y.square())).clamp(-FARTHEST / 2, FARTHEST / 2)
    for _ in range(8):
        slope = torch.where(h.abs() < SMALL, 1 / 3 - h.square() / 15, 1 / _away(h).square() - 1 / torch.sinh(_away(h)).square())
        h = (h - (2 * mean(2 * h) - 1 - y) / slope).clamp(-FARTHEST / 2, FARTHEST / 2)
    return 2 * h


def _away(h: Tensor) -> Tensor:
    return torch.where(h.abs() < SMALL, SMALL, h)
