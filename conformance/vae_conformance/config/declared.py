"""What an implementation says of itself: the class attribute `conformance_options`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from vae_conformance.config.kinds import shown
from vae_conformance.config.options import OPTIONS, RunOptions, Scope
from vae_conformance.config.pyproject import read_table
from vae_conformance.errors import Unbound

ATTRIBUTE = "conformance_options"
DECLARATIONS = tuple(option.key for option in OPTIONS.values() if option.scope is Scope.IMPLEMENTATION)
"""What a class may declare, by the keys of `[tool.vae-conformance]`."""


def declared_options(owner: object, name: str) -> dict[str, Any]:
    """What a class, or the class of a model, declares of itself, by the names of `RunOptions`.

    Every class of its bases may declare something; where two speak of one key, the nearer one counts. Nothing of the
    implementation is called for it.

    Args:
        owner: a class, or a model; anything else declares nothing.
        name: how messages call the implementation.

    Raises:
        Unbound: the attribute is no mapping, a key is unknown, or a value is not what it must be.
    """
    kind = owner if isinstance(owner, type) else type(owner)
    read: dict[str, Any] = {}
    for base in reversed(kind.__mro__):
        table = vars(base).get(ATTRIBUTE)
        if table is None:
            continue
        place = f"{name}: {base.__name__}.{ATTRIBUTE}"
        if not isinstance(table, Mapping):
            raise Unbound(f"{place} is a {type(table).__name__}, not a mapping", 'write it as {"effective-beta": 4.0}')
        read |= read_table(table, place, DECLARATIONS, Path())
    return read


def with_declarations(options: RunOptions, model: object, name: str) -> tuple[RunOptions, str]:
    """The options of a run completed by what the model's class declares, and a note of it, empty where nothing is added.

    What the options say already, from the command line or a configuration file, stands.

    Raises:
        Unbound: the declaration is not in order; see `declared_options`.
    """
    return completed(options, declared_options(model, name), "the implementation itself")


def completed(options: RunOptions, declared: Mapping[str, Any], by: str) -> tuple[RunOptions, str]:
    """The options completed by what somebody declares, where they leave it open, and a note of it, empty where nothing is added."""
    added = {key: value for key, value in declared.items() if getattr(options, key) is None}
    if not added:
        return options, ""
    said = ", ".join(f"{key.replace('_', '-')} {shown(value)}" for key, value in added.items())
    return replace(options, **added), f"declared by {by}: {said}"
