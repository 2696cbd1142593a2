"""Read the code cells of a notebook, without its magics."""

from __future__ import annotations

import ast
import json
import linecache
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from vae_conformance.errors import Unbound
from vae_conformance.target.definitions import Definitions, Failure, definitions

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_MAGIC = re.compile(r"(?P<indent>\s*)(?:[\w, ]+=\s*)?(?:%{1,2}[A-Za-z]|!|\?)|(?P<before>\s*)[\w.]+\?{1,2}\s*$")
_BEGINS = re.compile(r"(?!(else|elif|except|finally)\b)[^\s#)\]}]")
"""The beginning of a statement at the left margin."""
_LONGEST = 60
"""The maximum number of lines at the left margin of one statement that is looked for in a cell that does not compile."""
_PYTHON_CELLS = frozenset({"time", "timeit", "capture", "prun", "python", "python3", "pypy"})


@dataclass(frozen=True)
class Cell:
    """A code cell. Its statements are without magics; those that are not Python are unparsed."""

    filename: str
    place: str
    statements: list[ast.stmt]
    unparsed: tuple[Failure, ...]


def notebook_source(path: Path) -> Definitions:
    """Return the definitions of a notebook (nbformat 3 or 4), for execution in one namespace.

    Raises:
        Unbound: it is no notebook, or has no code cells.
    """
    cells = notebook_cells(path)
    kept = definitions([(cell.filename, cell.place, cell.statements) for cell in cells], path.parent)
    return replace(kept, unparsed=tuple(one for cell in cells for one in cell.unparsed))


def notebook_cells(path: Path) -> list[Cell]:
    """Return the code cells.

    Raises:
        Unbound: it is no notebook, or has no code cells.
    """
    cells = []
    for number, text in enumerate(_code_cells(path), start=1):
        filename = f"{path}, cell {number}"
        cells.append(Cell(filename, f"cell {number}, line", *_parse(text, filename, f"{path.name}, cell {number}")))
        linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
    return cells


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


def _parse(text: str, filename: str, shown: str) -> tuple[list[ast.stmt], tuple[Failure, ...]]:
    """Return the statements of a cell, and what is not Python: a cell that does not compile whole is read statement by statement."""
    cell_magic = re.match(r"\s*%%(\w+)", text)
    if cell_magic and cell_magic[1] not in _PYTHON_CELLS:
        return [], ()
    try:
        return _compiled(_without_magics(text), filename), ()
    except (SyntaxError, ValueError):
        pass
    lines = text.split("\n")
    begins = [number for number, line in enumerate(lines) if _BEGINS.match(line)]
    statements: list[ast.stmt] = []
    unparsed: list[Failure] = []
    at = 0
    while at < len(begins):
        ends = [*begins[at + 1 : at + _LONGEST], len(lines)]
        fault: Exception | None = None
        for further, end in enumerate(ends, start=1):
            piece = "\n" * begins[at] + _without_magics("\n".join(lines[begins[at] : end]))
            try:
                statements += _compiled(piece, filename)
            except (SyntaxError, ValueError) as wrong:
                fault = fault or wrong
            else:
                at += further if end < len(lines) else len(begins)
                break
        else:
            unparsed.append(_unparsed(fault, shown, "\n".join(lines[begins[at] : ends[0]]), begins[at] + 1, lines))
            at += 1
    return statements, tuple(unparsed)


def _compiled(text: str, filename: str) -> list[ast.stmt]:
    """Return the statements of a text; raises SyntaxError or ValueError if it does not compile."""
    tree = ast.parse(text, filename)
    compile(tree, filename, "exec", dont_inherit=True)
    return tree.body


def _unparsed(fault: Exception | None, shown: str, text: str, first: int, lines: list[str]) -> Failure:
    line = getattr(fault, "lineno", None) or first
    blamed = lines[line - 1].strip() if line <= len(lines) else ""
    names = tuple(name for pair in re.findall(r"^(?:class|def)\s+(\w+)|^(\w+)\s*=[^=]", text, re.MULTILINE) for name in pair if name)
    error = f"{shown} does not parse: {getattr(fault, 'msg', fault)}\n  {shown}, line {line}: {blamed}"
    place = f"{shown.rpartition(', ')[2]}, line {first}"
    uses: frozenset[str] | None = frozenset() if re.match(r"\s*(@.*\n)*class\s", text) else None
    return Failure(place, names, Unbound(error, "Fix the syntax of that cell."), uses)


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
