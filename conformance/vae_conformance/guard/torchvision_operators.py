"""torchvision beside a torch without CUDA.

The torchvision wheels of the package index are built for CUDA and cannot load their compiled operators next to a CPU-only torch; the
import then fails because the schema of one of them is missing. Declaring the two schemas that the import looks for lets it go through.
Data sets, transforms and `make_grid` need none of the compiled operators.
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
    """See to it that `import torchvision` works in this process, also in the code of somebody who imports it at the top of a file.

    Does nothing where torchvision is not installed, where torch has a CUDA build, or where torchvision's compiled operators load.
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
