"""The libraries that checks call, each imported when one of its names is first used.

A claim's record can thus be read, as `vae-conformance claims` does, without waiting for PyTorch. `Tensor` and `Float` are for annotations,
which are never evaluated.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__all__ = ["F", "Float", "Tensor", "hypothesis", "import_all", "special", "st", "torch"]

_MODULES = ("torch", "torch.nn.functional", "hypothesis", "hypothesis.strategies", "scipy.special")

if TYPE_CHECKING:
    import hypothesis
    import torch
    import torch.nn.functional as F
    from hypothesis import strategies as st
    from jaxtyping import Float
    from scipy import special
    from torch import Tensor
else:

    class _Later:
        """A module that is imported at the first access to one of its names."""

        def __init__(self, name: str) -> None:
            self._name = name

        def __getattr__(self, name: str) -> Any:
            return getattr(import_module(self._name), name)

    torch, F, hypothesis, st, special = map(_Later, _MODULES)
    Float = Tensor = Any


def import_all() -> None:
    """Import all of them now: before an implementation runs in this process, and before it is forked."""
    for name in _MODULES:
        import_module(name)
