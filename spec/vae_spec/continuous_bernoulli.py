"""The continuous Bernoulli distribution on [0, 1] (Loaiza-Ganem and Cunningham 2019): p(x) proportional to exp(eta x).

Its parameter is lambda = sigmoid(eta), as a Bernoulli's is, but its mean is another number than lambda, and its density has a normaliser
that depends on lambda: binary cross-entropy without it is no likelihood of grey values. All functions are exact for any eta that float64
holds; near eta = 0 they take series.
"""

from __future__ import annotations

import torch
from torch import Tensor

SMALL = 0.05
"""Below it in size, series are exacter than differences: what they leave out is below 1e-12."""
FARTHEST = 30.0
"""The largest |eta| that a mean is inverted to, means of 1/30 and 29/30: beyond, lambda is 0 or 1 to the precision of many a loss."""


def log_partition(eta: Tensor) -> Tensor:
    """Log of the integral of exp(eta x) over [0, 1], entry by entry, nats: eta / 2 + log(sinh(h) / h) with h = eta / 2."""
    h = 0.5 * eta.abs()
    safe = h.clamp_min(SMALL)
    far = safe + torch.log(-torch.expm1(-2 * safe)) - torch.log(2 * safe)
    near = h.square() / 6 - h.pow(4) / 180 + h.pow(6) / 2835
    return 0.5 * eta + torch.where(h < SMALL, near, far)


def mean(eta: Tensor) -> Tensor:
    """The mean, entry by entry: (1 + coth(h) - 1 / h) / 2 with h = eta / 2."""
    h = 0.5 * eta
    safe = torch.where(h.abs() < SMALL, SMALL, h)
    far = 1 / torch.tanh(safe) - 1 / safe
    near = h / 3 - h.pow(3) / 45 + 2 * h.pow(5) / 945 - h.pow(7) / 4725
    return 0.5 * (1 + torch.where(h.abs() < SMALL, near, far))


def of_mean(wanted: Tensor) -> Tensor:
    """The eta whose mean is wanted, entry by entry, within `FARTHEST`: Newton's method from Cohen's approximation."""
    y = (2 * wanted.double() - 1).clamp(-1 + 1e-9, 1 - 1e-9)
    h = (y * (3 - y.square()) / (1 - y.square())).clamp(-FARTHEST / 2, FARTHEST / 2)
    for _ in range(8):
        slope = torch.where(h.abs() < SMALL, 1 / 3 - h.square() / 15, 1 / _away(h).square() - 1 / torch.sinh(_away(h)).square())
        h = (h - (2 * mean(2 * h) - 1 - y) / slope).clamp(-FARTHEST / 2, FARTHEST / 2)
    return 2 * h


def _away(h: Tensor) -> Tensor:
    return torch.where(h.abs() < SMALL, SMALL, h)
