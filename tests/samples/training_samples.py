"""What tests of trainings train on and how: a short recipe, and digits of 8x8."""

from __future__ import annotations

from torch import Tensor

from vae_conformance.data.datasets import digits, render
from vae_spec.evidence import Recipe

RECIPE = Recipe("digits", steps=60, batch=32, learning_rate=3e-3, seed=3)


def training_items() -> Tensor:
    """Two hundred digits of 8x8 in [0, 1]."""
    return render(digits().train[:200], (1, 8, 8), (0.0, 1.0))
