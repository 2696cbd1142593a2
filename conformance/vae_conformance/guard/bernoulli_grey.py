"""Grey values under a Bernoulli likelihood: PyTorch's distribution refuses them, where its cross-entropy takes them.

Models of binarised images score them with `Bernoulli(...).log_prob(x)`, which raises for any x but 0 and 1. For x between, the same formula
is the cross-entropy that everybody trains on grey images with, so that is what they are judged with.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch.distributions import Bernoulli, constraints


def accept_grey_values() -> None:
    """Let PyTorch's Bernoulli distributions score any x in [0, 1], in this process."""
    Bernoulli.support = constraints.unit_interval  # type: ignore[assignment]


@contextmanager
def grey_values_accepted() -> Iterator[None]:
    """The same within the block."""
    before = Bernoulli.support
    accept_grey_values()
    try:
        yield
    finally:
        Bernoulli.support = before
