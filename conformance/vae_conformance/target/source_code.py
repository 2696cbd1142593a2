"""The source of a loaded module, whether it came from a file or from a notebook, as syntax trees."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

from vae_conformance.errors import Unbound
from vae_conformance.target.notebook import notebook_cells


def source_tree(module: object) -> ast.Module:
    """All statements of a module's source: of a notebook cell by cell without magics, with what was left out when it was loaded.

    Line numbers count within the file, or within the cell. The tree is the caller's own. It is empty where there is no source.
    """
    return ast.Module([statement for _, tree in source_pieces(module) for statement in tree.body], type_ignores=[])


def source_pieces(module: object) -> list[tuple[str, ast.Module]]:
    """The same by pieces: the file, or each cell, behind what messages call a line of it ("line", "cell 2, line")."""
    path = Path(getattr(module, "__file__", None) or "")
    try:
        if path.suffix.lower() == ".ipynb":
            return [(place, ast.Module(body, type_ignores=[])) for _, place, body in notebook_cells(path)]
        return [("line", ast.parse(inspect.getsource(module)))]  # type: ignore[arg-type]
    except (OSError, TypeError, SyntaxError, ValueError, Unbound):
        return []
