"""Support for importing a CUDA build of torchvision with a CPU-only torch.

The torchvision wheels of the package index are built for CUDA and cannot load their compiled operators with a CPU-only torch; the import
then fails because an operator's schema is missing. Declaring the two schemas that the import looks up makes it succeed. Data sets,
transforms and `make_grid` need none of the compiled operators.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import torch
from torch import library as operators

_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
_declared: list[operators.Library] = []


def make_importable() -> None:
    """Make `import torchvision` work in this process, including in user code that imports it at module level.

    Does nothing if torchvision is not installed, if torch is a CUDA build, or if torchvision's compiled operators load.
    """
    if _declared or torch.version.cuda is not None or "torchvision" in sys.modules:
        return
    spec = importlib.util.find_spec("torchvision")
    if spec is None or not spec.submodule_search_locations:
        return
    for library in Path(spec.submodule_search_locations[0]).glob("_C*"):
        try:
            torch.ops.load_library(str(library))
        except OSError:
            continue
        return
    definitions = operators.Library("torchvision", "DEF")
    for schema in _SCHEMAS:
        definitions.define(schema)
    _declared.append(definitions)


def import_torchvision(module: str = "torchvision") -> ModuleType:
    """Import torchvision or one of its modules.

    Raises:
        ImportError: torchvision is not installed, or its import fails.
    """
    make_importable()
    try:
        return importlib.import_module(module)
    except RuntimeError as error:
        raise ImportError(f"torchvision cannot be imported: {error}") from error
