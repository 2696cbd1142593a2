"""Locations in user code, as reports name them. Imports nothing heavy."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_CELL = re.compile(r"(?P<file>.+\.ipynb), cell (?P<cell>\d+)", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True)
class Location:
    """The location of a method, function or class.

    Attributes:
        file: path with forward slashes, relative to the working directory if inside it, otherwise absolute.
        line: 1-based line number; within the cell for a notebook.
        name: qualified name, such as "VAE.loss".
        cell: 1-based number among a notebook's code cells; None for a file.
    """

    file: str
    line: int
    name: str
    cell: int | None = None

    def __str__(self) -> str:
        """Return `student.py:41 (VAE.loss)`, or `homework.ipynb, cell 3, line 5 (VAE.loss)`."""
        place = f"{self.file}:{self.line}" if self.cell is None else f"{self.file}, cell {self.cell}, line {self.line}"
        return f"{place} ({self.name})"


def location_in(filename: str, line: int, name: str) -> Location:
    """Return the location for a code object's file name: a path, or for notebooks "path, cell N"."""
    cell = _CELL.fullmatch(filename)
    return Location(_shown(Path(cell["file"] if cell else filename)), line, name, int(cell["cell"]) if cell else None)


def _shown(path: Path) -> str:
    absolute = path.resolve()
    folder = Path.cwd().resolve()
    return (absolute.relative_to(folder) if absolute.is_relative_to(folder) else absolute).as_posix()
