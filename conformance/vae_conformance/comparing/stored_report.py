"""A report read from its JSON file, reduced to what a comparison needs; anything else raises one clear error."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unicodedata import category

from vae_conformance.errors import Unbound
from vae_conformance.runner.record import SCHEMA_VERSION
from vae_spec.outcomes import Level, Outcome

_HINT = "vae-conformance run TARGET --json FILE writes one"
_READ = range(1, SCHEMA_VERSION + 1)
"""The schema versions that can be read: later ones add outcomes and keys to the first."""
_CONDITIONS = ("profile", "dataset", "seed", "gate", "only")


@dataclass(frozen=True)
class StoredClaim:
    """One claim of a stored report."""

    id: str
    title: str
    level: Level
    outcome: Outcome
    gates: bool
    message: str
    diagnosis: str | None = None


@dataclass(frozen=True)
class StoredReport:
    """A stored report. `conditions` are the profile, the data set, the seed, the gate and the selection of claims of that run, as text."""

    file: str
    target: str
    verdict: str
    exit_code: int
    conditions: Mapping[str, str]
    claims: Mapping[str, StoredClaim]


def read_report(path: Path) -> StoredReport:
    """Read the report in a file.

    Raises:
        Unbound: the file does not exist, is not JSON, is not a report, or has another schema version.
    """
    try:
        document: Any = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise Unbound(f"{path} cannot be read: {error.strerror or error}", "check the path") from error
    except (ValueError, RecursionError) as error:
        raise Unbound(f"{path} is not JSON: {error}", _HINT) from error
    if not isinstance(document, dict) or "schema_version" not in document:
        raise Unbound(f"{path} is no report of vae-conformance", _HINT)
    found = document["schema_version"]
    if found not in _READ or isinstance(found, bool):
        raise Unbound(
            f"{path} has the schema version {found!r}, and this command reads {' and '.join(map(str, _READ))}",
            "make the report anew: " + _HINT,
        )
    try:
        return _report(str(path), document)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Unbound(f"{path} is no whole report of vae-conformance: {_account(error)}", _HINT) from error


def _report(file: str, document: Mapping[str, Any]) -> StoredReport:
    environment = document["environment"]
    claims = [_claim(entry) for entry in document["claims"]]
    if len({claim.id for claim in claims}) < len(claims):
        raise ValueError("a claim stands in it twice")
    return StoredReport(
        file,
        _clean(document["implementation"]["target"]),
        _clean(document["verdict"]),
        int(document["exit_code"]),
        {name: _condition(environment.get(name)) for name in _CONDITIONS},
        {claim.id: claim for claim in claims},
    )


def _claim(entry: Mapping[str, Any]) -> StoredClaim:
    if not isinstance(entry["gates"], bool):
        raise ValueError(f"{entry['gates']!r} is neither true nor false")  # noqa: TRY004  one kind of error for what is no report
    diagnosis = entry.get("diagnosis")
    return StoredClaim(
        _clean(entry["id"]),
        _clean(entry["title"]),
        Level(entry["level"]),
        Outcome(entry["outcome"]),
        entry["gates"],
        _clean(entry["message"]),
        None if diagnosis is None else _clean(diagnosis),
    )


def _condition(value: object) -> str:
    return _clean(", ".join(map(str, value)) if isinstance(value, list) else str(value)) if value not in (None, []) else ""


def _clean(text: object) -> str:
    """Remove the characters that a terminal would interpret."""
    if not isinstance(text, str):
        raise ValueError(f"{text!r} is not a text")  # noqa: TRY004  one kind of error for what is no report
    return "".join(one for one in text if one == "\n" or category(one) not in ("Cc", "Cf", "Cs"))


def _account(error: Exception) -> str:
    return f"it has no {error.args[0]!r}" if isinstance(error, KeyError) else str(error)
