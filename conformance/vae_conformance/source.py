"""The source of a loaded module, whether it came from a file or from a notebook, as one syntax tree."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

from vae_conformance.errors import Unbound
from vae_conformance.notebooks import notebook_cells


def source_tree(module: object) -> ast.Module:
    """All statements of a module's source: of a notebook cell by cell without magics, with what was left out when it was loaded.

    Line numbers count within the file, or within the cell. The tree is the caller's own. It is empty where there is no source.
    """
    path = Path(getattr(module, "__file__", None) or "")
    try:
        if path.suffix.lower() == ".ipynb":
            return ast.Module([statement for _, _, body in notebook_cells(path) for statement in body], type_ignores=[])
        return ast.parse(inspect.getsource(module))  # type: ignore[arg-type]
    except (OSError, TypeError, SyntaxError, ValueError, Unbound):
        return ast.Module([], type_ignores=[])
