"""A place in somebody's code, as reports name it. Imports nothing heavy."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

_CELL = re.compile(r"(?P<file>.+\.ipynb), cell (?P<cell>\d+)", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True)
class Location:
    """Where a method, function or class stands.

    Attributes:
        file: with forward slashes, relative to the folder that the command was started in where it lies below that, otherwise absolute.
        line: from 1; in a notebook within the cell.
        name: qualified, such as "VAE.loss".
        cell: the number among a notebook's code cells, from 1; None in a file.
    """

    file: str
    line: int
    name: str
    cell: int | None = None

    def __str__(self) -> str:
        """`student.py:41 (VAE.loss)`, or `homework.ipynb, cell 3, line 5 (VAE.loss)`."""
        place = f"{self.file}:{self.line}" if self.cell is None else f"{self.file}, cell {self.cell}, line {self.line}"
        return f"{place} ({self.name})"

    def as_document(self) -> dict[str, Any]:
        """As the JSON report holds it."""
        return asdict(self)


def location_in(filename: str, line: int, name: str) -> Location:
    """A location from what Python's code objects say: a path, or for notebooks "path, cell N"."""
    cell = _CELL.fullmatch(filename)
    return Location(_shown(Path(cell["file"] if cell else filename)), line, name, int(cell["cell"]) if cell else None)


def _shown(path: Path) -> str:
    absolute = path.resolve()
    folder = Path.cwd().resolve()
    return (absolute.relative_to(folder) if absolute.is_relative_to(folder) else absolute).as_posix()
