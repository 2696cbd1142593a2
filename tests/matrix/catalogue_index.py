"""What the catalogue's entries say of themselves, read without running any of them.

An entry is one file of `tests/catalogue/broken` or `tests/catalogue/sound` whose name has no leading underscore. Its
module constants are literals: MISTAKE, KILLERS, WAITS_FOR and SOUND of a broken one; OPTIONS and DIFFERS of a sound one.
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
        path: its file.
        kind: broken (to be rejected) or sound (to be accepted).
        mistake: the id of the mistake that it makes, or None for a sound one.
        killers: the ids of the claims that must reject it.
        sound: the sound entry that it is, but for its mistake; None for one that is built on `_sound.py` or `_sound_script.py`.
        waits_for: the id of the claim that will reject it, for a mistake that no claim of today sees; or None.
        options: what its author declares, by the names of `vae_conformance.config.options.RunOptions`.
        summary: what it is, in a line.
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
        """Kind and file name without its ending, for test ids."""
        return f"{self.kind}/{self.path.stem}"


def entries(kind: Kind | None = None) -> tuple[Entry, ...]:
    """The entries of one kind, or of both, by name.

    Raises:
        ValueError: an entry has no docstring, or a constant of it is not a literal.
    """
    kinds: tuple[Kind, ...] = ("broken", "sound") if kind is None else (kind,)
    return tuple(read(path, each) for each in kinds for path in sorted((CATALOGUE / each).glob("[!_]*.py")))


def read(path: Path, kind: Kind) -> Entry:
    """One entry, from its file.

    Raises:
        ValueError: it has no docstring, or a constant of it is not a literal.
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
    """The declared options with tuples for lists, as `RunOptions` holds them."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in declared.items()}
