"""Read the declarations of an implementation: the class attribute `conformance_options`."""

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
"""The options that a class may declare, by their keys in `[tool.vae-conformance]`."""


def declared_options(owner: object, name: str) -> dict[str, Any]:
    """Return the options that a class, or the class of a model, declares, by the names of `RunOptions`.

    Declarations of base classes are inherited, and a subclass overrides them key by key. No user code is called.
    Other objects declare nothing. `name` is that of the implementation in messages.

    Raises:
        Unbound: the attribute is not a mapping, a key is unknown, or a value is invalid.
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
    """Complete unset options of a run by the declarations of the model's class; also return a note of them, empty if there are none.

    Options from the command line or a configuration file take precedence.

    Raises:
        Unbound: a declaration is invalid; see `declared_options`.
    """
    return completed(options, declared_options(model, name), "the implementation itself")


def completed(options: RunOptions, declared: Mapping[str, Any], by: str) -> tuple[RunOptions, str]:
    """Complete unset options by declarations; also return a note that names their source, empty if nothing is added."""
    added = {key: value for key, value in declared.items() if getattr(options, key) is None}
    if not added:
        return options, ""
    said = ", ".join(f"{key.replace('_', '-')} {shown(value)}" for key, value in added.items())
    return replace(options, **added), f"declared by {by}: {said}"
