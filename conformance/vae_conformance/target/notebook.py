"""Read the code cells of a notebook, without its magics."""

from __future__ import annotations

import ast
import json
import linecache
import re
from typing import TYPE_CHECKING, Any

from vae_conformance.errors import Unbound
from vae_conformance.target.definitions import Definitions, definitions

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_MAGIC = re.compile(r"(?P<indent>\s*)(?:[\w, ]+=\s*)?(?:%{1,2}[A-Za-z]|!|\?)|(?P<before>\s*)[\w.]+\?{1,2}\s*$")
_PYTHON_CELLS = frozenset({"time", "timeit", "capture", "prun", "python", "python3", "pypy"})


def notebook_source(path: Path) -> Definitions:
    """Return the definitions of a notebook (nbformat 3 or 4), for execution in one namespace.

    Raises:
        Unbound: it is no notebook, has no code cells, or a cell that defines a class does not parse.
    """
    return definitions(list(notebook_cells(path)))


def notebook_cells(path: Path) -> Iterator[tuple[str, str, list[ast.stmt]]]:
    """Yield for each code cell its name in tracebacks, the label of its lines in messages, and its statements without magics.

    Raises:
        Unbound: it is no notebook, has no code cells, or a cell that defines a class does not parse.
    """
    for number, text in enumerate(_code_cells(path), start=1):
        filename = f"{path}, cell {number}"
        tree = _parse(text, filename, f"{path.name}, cell {number}")
        linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
        yield filename, f"cell {number}, line", tree


def _code_cells(path: Path) -> Iterator[str]:
    try:
        notebook: Any = json.loads(path.read_text(encoding="utf-8-sig"))
    except ValueError as fault:
        raise Unbound(
            f"{path.name} is not a notebook: its content is not JSON ({fault})",
            "Save it again as .ipynb, or export it as a Python file and name that.",
        ) from fault
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    if cells is None and isinstance(notebook, dict):
        sheets = notebook.get("worksheets")
        cells = [cell for sheet in sheets for cell in sheet.get("cells", [])] if isinstance(sheets, list) else None
    if not isinstance(cells, list):
        raise Unbound(f"{path.name} is not a notebook: it has no list of cells", "Save it again as .ipynb.")
    sources = [cell.get("source", cell.get("input", "")) for cell in cells if isinstance(cell, dict) and cell.get("cell_type") == "code"]
    texts = ["".join(source) if isinstance(source, list) else str(source) for source in sources]
    if not any(text.strip() for text in texts):
        raise Unbound(f"{path.name} has no code cells", "Name the notebook or the file that defines the model.")
    yield from texts


def _parse(text: str, filename: str, shown: str) -> list[ast.stmt]:
    """Return the statements of a cell; none if it does not parse and defines no class."""
    cell_magic = re.match(r"\s*%%(\w+)", text)
    if cell_magic and cell_magic[1] not in _PYTHON_CELLS:
        return []
    try:
        tree = ast.parse(_without_magics(text), filename)
        compile(tree, filename, "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as fault:
        if not re.search(r"^\s*class\s+\w", text, re.MULTILINE):
            return []
        line = getattr(fault, "lineno", None)
        lines = text.splitlines()
        wrong = f", line {line}: {lines[line - 1].strip()}" if line and line <= len(lines) else ""
        raise Unbound(
            f"{shown} does not parse: {getattr(fault, 'msg', fault)}\n  {shown}{wrong}", "Mend the syntax of that cell."
        ) from fault
    return tree.body


def _without_magics(text: str) -> str:
    """Replace each magic or shell line by `pass`, so that line numbers are unchanged and no block is left empty.

    Only lines that raise a syntax error are replaced: a line that looks like a magic may be part of a string.
    """
    lines = text.split("\n")
    while True:
        try:
            ast.parse("\n".join(lines))
        except (SyntaxError, ValueError) as fault:
            number = (getattr(fault, "lineno", None) or 0) - 1
            magic = _MAGIC.match(lines[number]) if 0 <= number < len(lines) else None
            if magic is None:
                break
            while lines[number].rstrip().endswith("\\") and number + 1 < len(lines):
                lines[number] = ""
                number += 1
            lines[number] = f"{magic['indent'] or magic['before'] or ''}pass"
        else:
            break
    return "\n".join(lines)
