"""Parse the source of a loaded module, a file or a notebook, into syntax trees."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

from vae_conformance.errors import Unbound
from vae_conformance.target.notebook import notebook_cells

PRIVATE = "_vae_target_"
"""How the names of packages begin under which the files of a target are imported."""


def of_one_target(name: str, other: str) -> bool:
    """Return whether two modules are the same one, or files of one folder that were imported for one target."""
    return name == other or (name.startswith(PRIVATE) and name.partition(".")[0] == other.partition(".")[0])


def source_tree(module: object) -> ast.Module:
    """Parse a module's whole source, or all cells of a notebook without magics, including lines left out when it was loaded.

    Line numbers are relative to the file or the cell. Each call returns a new tree, which is empty if there is no source.
    """
    return ast.Module([statement for _, tree in source_pieces(module) for statement in tree.body], type_ignores=[])


def source_pieces(module: object) -> list[tuple[str, ast.Module]]:
    """Return a label for lines in messages ("line", "cell 2, line") and the syntax tree, for the file or for each cell."""
    path = Path(getattr(module, "__file__", None) or "")
    try:
        if path.suffix.lower() == ".ipynb":
            return [(cell.place, ast.Module(cell.statements, type_ignores=[])) for cell in notebook_cells(path)]
        return [("line", ast.parse(inspect.getsource(module)))]  # type: ignore[arg-type]
    except (OSError, TypeError, SyntaxError, ValueError, Unbound):
        return []
