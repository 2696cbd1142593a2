"""Grey values under a Bernoulli likelihood: PyTorch's distribution rejects them, but its cross-entropy accepts them.

Models of binarised images use `Bernoulli(...).log_prob(x)`, which raises unless every x is 0 or 1. For x in between, the same formula is
the cross-entropy commonly used to train on grey images, so such models are judged with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch.distributions import Bernoulli, constraints


def accept_grey_values() -> None:
    """Allow PyTorch's Bernoulli distributions to score any x in [0, 1], for the whole process."""
    Bernoulli.support = constraints.unit_interval  # type: ignore[assignment]


@contextmanager
def grey_values_accepted() -> Iterator[None]:
    """Accept grey values within the block only."""
    before = Bernoulli.support
    accept_grey_values()
    try:
        yield
    finally:
        Bernoulli.support = before
