"""PyTorch, imported when it is first used: the records of the claims are read without it, and their checks use it when they are asked."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__all__ = ["torch"]

if TYPE_CHECKING:
    import torch
else:

    class _Torch:
        """Stands for the module, and gives what it has."""

        def __getattr__(self, name: str) -> Any:
            found = getattr(importlib.import_module("torch"), name)
            setattr(self, name, found)
            return found

    torch = _Torch()
