"""Load a file: as a whole if possible, else its definitions alone, with a note of what was left out."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType

from vae_conformance.errors import Unbound, WrongRecord
from vae_conformance.target.definitions import Definitions, Failure, definitions_of
from vae_conformance.target.isolated_import import PrivateTree, importing
from vae_conformance.target.partial_module import Account

PATIENCE = 10.0
"""The time limit in seconds of importing a file whose definitions can be loaded without the calls at module level."""
_NAMED = re.compile(r"vae|variational|auto_?encoder", re.IGNORECASE)
_HALF = re.compile(r"\+|(?<!auto)(?<!auto_)(en|de)cod|generat|infer|recogni", re.IGNORECASE)
_HELPER = re.compile(r"loss|train|data|config|callback", re.IGNORECASE)
_SHOWN = 6
"""The maximum number of left-out line ranges that a note names."""


@dataclass(frozen=True)
class Loaded:
    """A file that was loaded.

    Attributes:
        module: its module.
        tree: the folder that it was loaded from.
        notes: what was left out and why, and the placeholders; empty if it was loaded as a whole.
        assumed: the same in short, a sentence each.
        cause: why it could not be loaded as a whole.
        failures: the definitions that could not run.
    """

    module: ModuleType
    tree: PrivateTree
    notes: tuple[str, ...] = ()
    assumed: tuple[str, ...] = ()
    cause: Unbound | None = None
    failures: tuple[Failure, ...] = ()

    def blame(self, fault: Unbound, name: str) -> Unbound:
        """Return the error to raise if the definitions are not enough, led by why nothing else was loaded; unload the definitions.

        `name` is the object asked for, empty for the class that is the VAE.
        """
        wanted = name.partition(".")[0]
        failed = [one for one in self.failures if (wanted in one.names if wanted else one.uses is not None)]
        if failed:
            fault = max(failed, key=lambda one: bool(_NAMED.search(" ".join(one.names)))).fault
        if self.cause is None:
            return fault
        self.tree.forget()
        return _both(self.cause, fault)

    def check(self, chosen: object) -> None:
        """Refuse a class that was chosen only because the class that the file means could not run.

        Raises:
            Unbound: it is a half of a class that could not run, or a class named like a VAE could not run and does not use it.
        """
        own = getattr(chosen, "__name__", "")
        half = _HALF.search(own) is not None
        for one in self.failures:
            if one.uses is None or _HELPER.search(one.names[0] if one.names else ""):
                continue
            used = bool(one.uses & set(own.split("+")))
            named = _NAMED.search(" ".join(one.names)) is not None
            if (used and half) or (named and not used and not _NAMED.search(own)):
                raise one.fault


def load_file(path: Path, limit: float) -> Loaded:
    """Load a file or a notebook.

    If a file raises at module level, exits the interpreter, lacks a package or takes too long, only its definitions are loaded, if it has
    any: the classes usually do not depend on the training and data loading below them.

    Raises:
        Unbound: it cannot be loaded either way; the message begins with why it cannot be loaded as a whole.
    """
    kept = definitions_of(path) if path.suffix == ".py" else None
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
        short = f"only definitions were loaded: {_reason(fault, 100)}"
        return replace(loaded, notes=(_note(fault, kept, path.name), *loaded.notes), assumed=(short, *loaded.assumed), cause=fault)


def _load(path: Path, limit: float, kept: Definitions | None = None) -> Loaded:
    tree = PrivateTree(path.parent)
    with tree.kept_if_imported(), importing(path.name, limit, tree.root):
        module = tree.load(path, kept)
    own = tree.accounts.pop(module.__name__, Account())
    accounts = (own, *tree.accounts.values())
    notes = tuple(note for one in accounts for note in one.notes())
    assumed = tuple(note for one in accounts for note in one.in_short())
    return Loaded(module, tree, notes, assumed, failures=tuple(own.failures))


def _both(first: Unbound, second: Unbound) -> Unbound:
    """Combine why a file cannot be loaded as a whole and why its definitions alone are not enough."""
    if second.message == first.message:
        return first
    if second.hint.startswith("Name one"):
        return second  # the definitions alone are enough for each of them
    if isinstance(first.__cause__, ImportError) and "could not be imported" in second.message:
        same = (first.__cause__.name or "").partition(".")[0] == _missing_package(second.message)
        return first if same else second
    return Unbound(f"{first.message}\n  and its definitions alone are not enough: {second.message}", first.hint)


def _missing_package(message: str) -> str:
    found = re.search(r"No module named '(\w+)", message)
    return found[1] if found else ""


def _reason(cause: Unbound, longest: int) -> str:
    reason = cause.message.partition("\n")[0].rstrip(" :.")
    return reason if len(reason) <= longest else f"{reason[: longest - 10].rstrip()} ..."


def _note(cause: Unbound, kept: Definitions, name: str) -> str:
    reason = _reason(cause, 160)
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
