"""A short recipe and 8x8 digits for tests that train."""

from __future__ import annotations

from torch import Tensor

from vae_conformance.data.datasets import digits, render
from vae_spec.evidence import Recipe

RECIPE = Recipe("digits", steps=60, batch=32, learning_rate=3e-3, seed=3)


def training_items() -> Tensor:
    """Return two hundred 8x8 digits in [0, 1]."""
    return render(digits().train[:200], (1, 8, 8), (0.0, 1.0))
