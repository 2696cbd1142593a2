"""`TargetSpec`: which implementation a run is about, parsed once from the user's text and passed to worker processes as it is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from vae_conformance.errors import Unbound


class TargetKind(StrEnum):
    """What a target is."""

    FILE = "file"
    NOTEBOOK = "notebook"
    MODULE = "module"
    ENTRY_POINT = "entry point"
    OBJECT = "object"
    """An object of this process, given from Python."""
    UNKNOWN = "unknown"
    """A text of no known form."""


@dataclass(frozen=True)
class TargetSpec:
    """A target's text and its meaning. `vae_conformance.target.spec.parse_target` makes it from a text.

    Attributes:
        text: as the user wrote it; of an object, how reports call it.
        kind: what it is.
        path: the file or notebook; of a module or an entry point its file, where that is found without importing; otherwise None.
        module: the dotted module of a module or an entry point; empty for the others.
        name: the object's name in the file or module; empty where none was given.
        problem: why nothing can be loaded, known without loading; empty where nothing is wrong so far.
        hint: what to do about the problem.
    """

    text: str
    kind: TargetKind
    path: Path | None = None
    module: str = ""
    name: str = ""
    problem: str = ""
    hint: str = ""

    def __str__(self) -> str:
        """The text."""
        return self.text

    @property
    def is_file(self) -> bool:
        """Whether the text names a file or a notebook."""
        return self.kind in (TargetKind.FILE, TargetKind.NOTEBOOK)

    def check(self) -> None:
        """Nothing, where the target can be loaded as far as is known.

        Raises:
            Unbound: there is no such file or entry point, or the text is of no known form.
        """
        if self.problem:
            raise Unbound(self.problem, self.hint)
