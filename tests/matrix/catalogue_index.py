"""The index of the catalogue: each entry's declarations, read without running it.

An entry is a file of `tests/catalogue/broken` or `tests/catalogue/sound` whose name has no leading underscore. Its
module constants are literals: MISTAKE, KILLERS, WAITS_FOR and SOUND in a broken entry; OPTIONS and DIFFERS in a sound one.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

Kind = Literal["broken", "sound"]

CATALOGUE = Path(__file__).resolve().parent.parent / "catalogue"
CONSTANTS = ("MISTAKE", "KILLERS", "WAITS_FOR", "SOUND", "OPTIONS", "DIFFERS")


@dataclass(frozen=True)
class Entry:
    """One implementation of the catalogue.

    Attributes:
        path: the entry's file.
        kind: broken (to be rejected) or sound (to be accepted).
        mistake: the id of the mistake that it makes, or None for a sound entry.
        killers: the ids of the claims that must reject it.
        sound: the sound entry that it equals apart from its mistake; None if it is built on `_sound.py` or `_sound_script.py`.
        waits_for: the id of a future claim that will reject it, if no present claim detects its mistake; otherwise None.
        options: the author's declarations, by the names of `vae_conformance.config.options.RunOptions`.
        summary: a description in one line.
    """

    path: Path
    kind: Kind
    mistake: str | None = None
    killers: tuple[str, ...] = ()
    waits_for: str | None = None
    sound: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    summary: str = ""

    @property
    def name(self) -> str:
        """Return the kind and the file name without its suffix, for test ids."""
        return f"{self.kind}/{self.path.stem}"


def entries(kind: Kind | None = None) -> tuple[Entry, ...]:
    """Return the entries of one kind or of both, sorted by name.

    Raises:
        ValueError: an entry has no docstring, or one of its constants is not a literal.
    """
    kinds: tuple[Kind, ...] = ("broken", "sound") if kind is None else (kind,)
    return tuple(read(path, each) for each in kinds for path in sorted((CATALOGUE / each).glob("[!_]*.py")))


def read(path: Path, kind: Kind) -> Entry:
    """Read one entry from its file.

    Raises:
        ValueError: it has no docstring, or one of its constants is not a literal.
    """
    tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    docstring = ast.get_docstring(tree)
    if docstring is None:
        raise ValueError(f"{path.name} has no docstring that says what it is")
    constants = _constants(tree, path)
    killers = constants.get("KILLERS", ())
    return Entry(
        path=path,
        kind=kind,
        mistake=constants.get("MISTAKE"),
        killers=tuple([killers] if isinstance(killers, str) else killers),
        waits_for=constants.get("WAITS_FOR"),
        sound=constants.get("SOUND"),
        options=_as_options(constants.get("OPTIONS", {})),
        summary=docstring.splitlines()[0],
    )


def _constants(tree: ast.Module, path: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for node in tree.body:
        if not isinstance(node, ast.Assign):
            continue
        for target in node.targets:
            if isinstance(target, ast.Name) and target.id in CONSTANTS:
                try:
                    found[target.id] = ast.literal_eval(node.value)
                except ValueError as error:
                    raise ValueError(f"{path.name}: {target.id} is not a literal") from error
    return found


def _as_options(declared: Mapping[str, Any]) -> dict[str, Any]:
    """Return the declared options with lists converted to tuples, as in `RunOptions`."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in declared.items()}
