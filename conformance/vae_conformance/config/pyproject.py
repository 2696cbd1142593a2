"""`[tool.vae-conformance]` in the pyproject.toml beside an implementation, and how it gives way to the command line."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from vae_conformance.config.options import OPTIONS, RunOptions, Scope
from vae_conformance.errors import Unbound

TABLE = "tool.vae-conformance"
KEYS = tuple(option.key for option in OPTIONS.values() if option.scope >= Scope.PROJECT)
"""The keys of the table."""


def load_options(target: str, given: Mapping[str, Any], folder: Path) -> RunOptions:
    """The options of a run: the command line wins over the configuration file, and that over the defaults.

    Expected failures of both are put together; where both give a reason, the command line's counts.

    Args:
        target: the implementation, as the user named it.
        given: what the command line says, by the names of `RunOptions`; nothing else.
        folder: the current folder.

    Raises:
        Unbound: the configuration file cannot be read, or says something wrong.
    """
    path = find_configuration(target, folder)
    configured = {} if path is None else read_configuration(path)
    merged = {**configured, **given}
    if "expected_failures" in configured and "expected_failures" in given:
        merged["expected_failures"] = {**configured["expected_failures"], **given["expected_failures"]}
    options = RunOptions(target=target, **merged)
    if options.time_limit > options.training_time_limit:
        return RunOptions(target=target, **{**merged, "training_time_limit": options.time_limit})
    return options


def find_configuration(target: str, folder: Path) -> Path | None:
    """The pyproject.toml that counts: for a file the nearest one, above it too; otherwise the current folder's."""
    file = target_file(target)
    if file is None:
        candidate = folder / "pyproject.toml"
        return candidate if candidate.is_file() else None
    start = (folder / file).resolve().parent
    return next((place / "pyproject.toml" for place in (start, *start.parents) if (place / "pyproject.toml").is_file()), None)


def target_file(target: str) -> Path | None:
    """The file of a target of the form file.py or file.py:Name; None for modules and registered names."""
    if target.endswith(".py"):
        return Path(target)
    file, colon, _ = target.rpartition(":")
    return Path(file) if colon and file.endswith(".py") else None


def read_configuration(path: Path) -> dict[str, Any]:
    """The table of one pyproject.toml, by the names of `RunOptions`; empty where the file has none.

    Raises:
        Unbound: the file is no TOML, a key is unknown, or a value is not what it must be.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Unbound(f"{path} cannot be read: {error}", "mend the file") from error
    tools = document.get("tool", {})
    table = tools.get("vae-conformance", {}) if isinstance(tools, dict) else {}
    if not isinstance(table, dict):
        raise Unbound(f"{path}: {TABLE} must be a table", f"write [{TABLE}]")
    return read_table(table, f"{path}: [{TABLE}]", KEYS, path.parent)


def read_table(table: Mapping[Any, Any], place: str, keys: Collection[str], folder: Path) -> dict[str, Any]:
    """The entries of one table, checked, by the names of `RunOptions`.

    Args:
        table: what somebody wrote, by the keys of `[tool.vae-conformance]`.
        place: where it stands, for messages.
        keys: those that may stand there.
        folder: what relative paths in it are relative to.

    Raises:
        Unbound: a key is not among them, or a value is not what it must be.
    """
    read: dict[str, Any] = {}
    for key, value in table.items():
        if key not in keys:
            raise Unbound(f"{place} has an unknown key {key!r}", f"the keys are {', '.join(keys)}")
        name = key.replace("-", "_")
        try:
            read[name] = OPTIONS[name].kind.of_value(value, folder)
        except ValueError as error:
            raise Unbound(f"{place} {key}: {error}") from error
    return read
