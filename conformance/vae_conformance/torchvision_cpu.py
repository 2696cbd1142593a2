"""torchvision beside a torch without CUDA.

The torchvision wheels of the package index are built for CUDA and cannot load their compiled operators next to a CPU-only torch; the
import then fails because the schema of one of them is missing. Declaring the two schemas that the import looks for lets it go through.
Data sets, transforms and `make_grid` need none of the compiled operators.
"""

from __future__ import annotations

import importlib
from types import ModuleType

import torch

_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
_declared: list[torch.library.Library] = []


def import_torchvision(module: str = "torchvision") -> ModuleType:
    """Import torchvision or one of its modules, declaring the missing schemas where torch has no CUDA build.

    Raises:
        ImportError: torchvision is not installed, or fails for another reason.
    """
    try:
        return importlib.import_module(module)
    except RuntimeError as error:
        if torch.version.cuda is not None or "torchvision::" not in str(error):
            raise ImportError(f"torchvision cannot be imported: {error}") from error
    if not _declared:
        library = torch.library.Library("torchvision", "DEF")
        for schema in _SCHEMAS:
            library.define(schema)
        _declared.append(library)
    return importlib.import_module(module)
