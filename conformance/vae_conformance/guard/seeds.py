"""One seed for every generator that a model may draw from: PyTorch's, NumPy's and Python's."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


@contextmanager
def seeded(seed: int, device: torch.device | None = None) -> Iterator[None]:
    """Seed torch, NumPy and random within the block and restore their states on exit."""
    elsewhere = device is not None and device.type != "cpu"
    devices = [device] if device is not None and device.type == "cuda" else []
    numpy_state, python_state = np.random.get_state(), random.getstate()  # noqa: NPY002  the legacy state is what models draw from
    try:
        with torch.random.fork_rng(devices=devices):
            # torch.manual_seed records the call stack for every device type that is not initialised: a millisecond each time.
            (torch.manual_seed if elsewhere else torch.default_generator.manual_seed)(seed % 2**63)
            np.random.seed(seed % 2**32)  # noqa: NPY002
            random.seed(seed)
            yield
    finally:
        np.random.set_state(numpy_state)  # noqa: NPY002
        random.setstate(python_state)
