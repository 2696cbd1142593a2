"""What all tests share: one thread a process."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
import torch

if TYPE_CHECKING:
    from binding_samples import Bound


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Two workers on two cores: no test may slow its neighbour, and sums have one order."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def native() -> Bound:
    """The sample that has every part, bound anew for each module of tests."""
    from binding_samples import Native, bound  # the tests of the specification import nothing of the suite

    return bound(Native)
