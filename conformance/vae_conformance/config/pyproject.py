"""Read `[tool.vae-conformance]` from the pyproject.toml beside an implementation, and merge it with the command line."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from vae_conformance.config.options import OPTIONS, RunOptions, Scope
from vae_conformance.config.target_spec import TargetSpec
from vae_conformance.errors import Unbound

TABLE = "tool.vae-conformance"
KEYS = tuple(option.key for option in OPTIONS.values() if option.scope >= Scope.PROJECT)
"""The allowed keys of the table."""
_FILE = "pyproject.toml"
_INSTALLED = frozenset({"site-packages", "dist-packages"})
"""Folders of installed packages: a pyproject.toml above them belongs to another project."""


def load_options(target: TargetSpec, given: Mapping[str, Any], folder: Path) -> RunOptions:
    """Merge the options of a run: the command line overrides the configuration file, which overrides the defaults.

    Expected failures of both are merged; if both give a reason, the command line's is used.
    `given` holds the options of the command line alone, by the names of `RunOptions`.

    Raises:
        Unbound: the configuration file cannot be read or is invalid.
    """
    configured: dict[str, Any] = next(filter(None, map(read_configuration, configuration_files(target, folder))), {})
    merged = {**configured, **given}
    if "expected_failures" in configured and "expected_failures" in given:
        merged["expected_failures"] = {**configured["expected_failures"], **given["expected_failures"]}
    options = RunOptions(target=target, **merged)
    return replace(options, training_time_limit=max(options.training_time_limit, options.time_limit))


def configuration_files(target: TargetSpec, folder: Path) -> list[Path]:
    """Return the pyproject.toml files that may configure a target; the first one with the table is used.

    For a file or a notebook it is the nearest one in its parent folders. For a module or an entry point it is the nearest one in the
    parent folders of the module's file, if that is found outside site-packages, followed by that of the current folder.
    """
    installed = not target.is_file and target.path is not None and not _INSTALLED.isdisjoint(target.path.parts)
    beside = [] if target.path is None or installed else [place / _FILE for place in (folder / target.path).resolve().parents]
    nearest = [path for path in beside if path.is_file()][:1]
    return nearest if target.is_file else [*nearest, *(path for path in (folder / _FILE,) if path.is_file())]


def read_configuration(path: Path) -> dict[str, Any]:
    """Read the table of one pyproject.toml, by the names of `RunOptions`; empty if the file has none.

    Raises:
        Unbound: the file is not valid TOML, a key is unknown, or a value is invalid.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Unbound(f"{path} cannot be read: {error}", "fix the file") from error
    tools = document.get("tool", {})
    table = tools.get("vae-conformance", {}) if isinstance(tools, dict) else {}
    if not isinstance(table, dict):
        raise Unbound(f"{path}: {TABLE} must be a table", f"write [{TABLE}]")
    return read_table(table, f"{path}: [{TABLE}]", KEYS, path.parent)


def read_table(table: Mapping[Any, Any], place: str, keys: Collection[str], folder: Path) -> dict[str, Any]:
    """Validate and read the entries of one table, by the names of `RunOptions`.

    The table has the keys of `[tool.vae-conformance]`, of which `keys` are allowed; relative paths start from `folder`, and `place` is
    for messages.

    Raises:
        Unbound: a key is not allowed, or a value is invalid.
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
