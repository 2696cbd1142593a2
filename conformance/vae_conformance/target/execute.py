"""Load a file: as a whole if possible, else its definitions alone, with a note of what was left out."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from vae_conformance.errors import Unbound, WrongRecord
from vae_conformance.target.definitions import Definitions, definitions
from vae_conformance.target.isolated_import import PrivateTree, importing

PATIENCE = 10.0
"""The time limit in seconds of importing a file whose definitions can be loaded without the calls at module level."""
_SHOWN = 6
"""The maximum number of left-out line ranges that a note names."""


@dataclass(frozen=True)
class Loaded:
    """A file that was loaded.

    Attributes:
        module: its module.
        tree: the folder that it was loaded from.
        note: what was left out and why; empty if it was loaded as a whole, and for a notebook.
        cause: why it could not be loaded as a whole.
    """

    module: ModuleType
    tree: PrivateTree
    note: str = ""
    cause: Unbound | None = None

    def blame(self, fault: Unbound) -> Unbound:
        """Return the error to raise if the definitions are not enough, led by why nothing else was loaded; unload the definitions."""
        if self.cause is None:
            return fault
        self.tree.forget()
        return _both(self.cause, fault)


def load_file(path: Path, limit: float) -> Loaded:
    """Load a file or a notebook.

    If a file raises at module level, exits the interpreter, lacks a package or takes too long, only its definitions are loaded, if it has
    any: the classes usually do not depend on the training and data loading below them.

    Args:
        path: the file.
        limit: the time limit in seconds.

    Raises:
        Unbound: it cannot be loaded either way; the message begins with why it cannot be loaded as a whole.
    """
    kept = _definitions(path) if path.suffix == ".py" else None
    calls = kept is not None and kept.calls
    try:
        return _load(path, min(limit, PATIENCE) if calls else limit)
    except Unbound as fault:
        if kept is None or isinstance(fault.__cause__, WrongRecord):
            raise
        try:
            loaded = _load(path, limit, kept)
        except Unbound as other:
            raise _both(fault, other) from fault
        return Loaded(loaded.module, loaded.tree, _note(fault, kept, path.name), fault)


def _load(path: Path, limit: float, kept: Definitions | None = None) -> Loaded:
    tree = PrivateTree(path.parent)
    with tree.kept_if_imported(), importing(path.name, limit, tree.root):
        return Loaded(tree.load(path, kept), tree)


def _definitions(path: Path) -> Definitions | None:
    """Return the definitions of a file; None if it does not parse or defines neither a class nor a function."""
    try:
        tree = ast.parse(path.read_bytes(), str(path))
        kept = definitions([(str(path), "line", tree.body)])
    except (SyntaxError, ValueError):
        return None
    own = any(isinstance(statement, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) for statement in tree.body)
    return kept if own else None


def _both(first: Unbound, second: Unbound) -> Unbound:
    """Combine why a file cannot be loaded as a whole and why its definitions alone are not enough."""
    repeated = isinstance(first.__cause__, ImportError) and "could not be imported" in second.message
    if repeated or second.message == first.message:
        return first
    return Unbound(f"{first.message}\n  and its definitions alone are not enough: {second.message}", first.hint)


def _note(cause: Unbound, kept: Definitions, name: str) -> str:
    reason = cause.message.partition("\n")[0].rstrip(" :.")
    reason = reason if len(reason) <= 160 else f"{reason[:150].rstrip()} ..."
    found = re.search(rf"^\s*{re.escape(name)}, line (\d+)", cause.message, re.MULTILINE)
    at = f" (line {found[1]})" if found else ""
    lines = [f"{first}" if first == last else f"{first} to {last}" for first, last in kept.left_out]
    left = f"{_listed(lines)} left out" if lines else "nothing but imports was left out"
    return f"{reason}{at}, so only the definitions of {name} were loaded (imports, functions, classes, plain values); {left}"


def _listed(lines: list[str]) -> str:
    shown = lines if len(lines) <= _SHOWN else [*lines[:_SHOWN], f"{len(lines) - _SHOWN} more stretches"]
    if len(shown) == 1:
        return f"lines {shown[0]} were" if " " in shown[0] else f"line {shown[0]} was"
    return f"lines {', '.join(shown[:-1])} and {shown[-1]} were"
