"""What the tests of the reference share: one random stream, the package with its shapes checked, and the digits."""

from types import ModuleType

import pytest
import torch
from reference_samples import checked_reference

from vae_conformance.data.datasets import Dataset, digits


@pytest.fixture(autouse=True)
def _seeded():
    """Every test starts from one random stream, and leaves the caller's as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


@pytest.fixture(scope="module")
def checked() -> ModuleType:
    return checked_reference()


@pytest.fixture(scope="module")
def data() -> Dataset:
    return digits()
