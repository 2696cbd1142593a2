"""`TargetSpec`, the parsed target string of a run, which is passed to worker processes unchanged."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from vae_conformance.errors import Unbound, unparsable


class TargetKind(StrEnum):
    """The kinds of targets."""

    FILE = "file"
    NOTEBOOK = "notebook"
    MODULE = "module"
    ENTRY_POINT = "entry point"
    OBJECT = "object"
    """An object of this process, passed from Python."""
    UNKNOWN = "unknown"
    """A string of no known form."""


@dataclass(frozen=True)
class TargetSpec:
    """A parsed target string, as returned by `vae_conformance.target.spec.parse_target`.

    Attributes:
        text: the string as the user wrote it; for an object, its name in reports.
        kind: the kind of target.
        path: the file or notebook; for a module or an entry point its file, if that is found without importing; otherwise None.
        module: the dotted name of the module, for a module or an entry point; otherwise empty.
        name: the object's name in the file or module; empty if none was given.
        problem: why it cannot be loaded, as far as known without loading; empty if no problem is known.
        hint: how to fix the problem.
    """

    text: str
    kind: TargetKind
    path: Path | None = None
    module: str = ""
    name: str = ""
    problem: str = ""
    hint: str = ""

    def __str__(self) -> str:
        """Return the target string."""
        return self.text

    @property
    def is_file(self) -> bool:
        """Whether the target is a file or a notebook."""
        return self.kind in (TargetKind.FILE, TargetKind.NOTEBOOK)

    def check(self) -> None:
        """Raise the known problem of the target, if any.

        Raises:
            Unbound: there is no such file or entry point, the string is of no known form, or the file is no valid Python.
        """
        if self.problem:
            raise Unbound(self.problem, self.hint)
        if self.kind is TargetKind.FILE and self.path is not None:
            with warnings.catch_warnings(action="ignore"):
                try:
                    compile(self.path.read_bytes(), str(self.path), "exec", dont_inherit=True)
                except SyntaxError as fault:
                    raise unparsable(f"importing {self.path.name}", fault) from fault
                except (OSError, ValueError):
                    pass  # loading says what is wrong
