"""PyTorch and Hypothesis, imported when one of their names is first used: claims are listed without them, and checks use them when asked.

`Tensor` and `Float` are for annotations, which are never evaluated.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__all__ = ["Float", "Tensor", "hypothesis", "import_all", "st", "torch"]

if TYPE_CHECKING:
    import hypothesis
    import torch
    from hypothesis import strategies as st
    from jaxtyping import Float
    from torch import Tensor
else:

    class _Later:
        """Stands for a module. What it gives is not kept, since the suite replaces some of PyTorch's functions for a while."""

        def __init__(self, name: str) -> None:
            self._name = name

        def __getattr__(self, name: str) -> Any:
            return getattr(import_module(self._name), name)

    torch, hypothesis, st = map(_Later, ("torch", "hypothesis", "hypothesis.strategies"))
    Float = Tensor = Any


def import_all() -> None:
    """Import what checks use, SciPy included: before an implementation runs in this process, and before it is forked."""
    for name in ("torch", "hypothesis.strategies", "scipy.special"):
        import_module(name)
