"""What the child process tells its parent: one JSON object a line, appended to a file and read while it grows."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vae_spec.outcomes import Level, Number, Outcome


@dataclass(frozen=True)
class Loading:
    """From here on the implementation's own code runs; before, the suite alone is at work."""


@dataclass(frozen=True)
class Probing:
    """The implementation was loaded; from here on its parts are called, to find out how."""


@dataclass(frozen=True)
class Bound:
    """The implementation was loaded and bound: what was found, and under what it runs."""

    implementation: Mapping[str, Any]
    environment: Mapping[str, Any]


@dataclass(frozen=True)
class Promised:
    """The ids of the claims that this run asks."""

    claims: tuple[str, ...]


@dataclass(frozen=True)
class Started:
    """A claim is being asked.

    Attributes:
        claim: its id.
        limit_s: seconds it may take without a word, where the child knows better than the time limit of the run.
    """

    claim: str
    limit_s: float | None = None


@dataclass(frozen=True)
class Progress:
    """A sign of life from a training, in words for people.

    Attributes:
        text: what goes on.
        claim: the id it belongs to, where that is known.
        done, planned: how many trainings are made of those that the run is known to need; both 0 where nobody has counted.
    """

    text: str
    claim: str | None = None
    done: int = 0
    planned: int = 0


@dataclass(frozen=True)
class Trained:
    """A claim was given trained runs, which lie in the store.

    Attributes:
        claim: its id.
        experiment: what the runs are.
        groups: of each seed the names in the store, by what was changed.
    """

    claim: str
    experiment: str
    groups: tuple[Mapping[str, str], ...]


@dataclass(frozen=True)
class ClaimVerdict:
    """The verdict on one claim, with all that a report says about it.

    Attributes:
        claim: the id.
        title, statement, why, level, source, decision: the claim's own; statement and why may be empty.
        outcome, message, measured, expected, hint, diagnosis, smallest_effect: the verdict's.
        level_of_error: the probability of a false alarm that an exact-tail test was given, or None.
        parts: the parts of the implementation that it speaks of, the likeliest first.
        advice: how to mend it where it is violated, the claim's own; the hint may be a better one.
        rejects: the mistakes that it has to reject, where it needs no training.
        duration_s: seconds.
    """

    claim: str
    title: str
    level: Level
    source: str
    outcome: Outcome
    message: str
    statement: str = ""
    decision: str = ""
    why: str = ""
    measured: Mapping[str, Number] = field(default_factory=dict)
    expected: Mapping[str, Number] = field(default_factory=dict)
    hint: str = ""
    diagnosis: str | None = None
    smallest_effect: str = ""
    level_of_error: float | None = None
    duration_s: float = 0.0
    parts: tuple[str, ...] = ()
    advice: str = ""
    rejects: tuple[str, ...] = ()


@dataclass(frozen=True)
class NotBound:
    """The target cannot be loaded or bound, or an option names something unknown."""

    message: str
    hint: str = ""


@dataclass(frozen=True)
class SuiteError:
    """The suite itself failed."""

    message: str
    details: str = ""


@dataclass(frozen=True)
class Finished:
    """The child came to the end of what it had to ask."""


Event = Loading | Probing | Bound | Promised | Started | Progress | Trained | ClaimVerdict | NotBound | SuiteError | Finished


def _plain(value: object) -> Number:
    """A measured value as a report can hold it; what is no plain value becomes its text."""
    return value if isinstance(value, str | int | float | bool) or value is None else json.dumps(value)


def _verdict(entry: Mapping[str, Any]) -> ClaimVerdict:
    level_of_error = entry.get("level_of_error")
    return ClaimVerdict(
        claim=str(entry["claim"]),
        title=str(entry["title"]),
        level=Level(entry["level"]),
        source=str(entry["source"]),
        outcome=Outcome(entry["outcome"]),
        message=str(entry["message"]),
        statement=str(entry.get("statement") or ""),
        decision=str(entry.get("decision") or ""),
        why=str(entry.get("why") or ""),
        measured={str(name): _plain(value) for name, value in (entry.get("measured") or {}).items()},
        expected={str(name): _plain(value) for name, value in (entry.get("expected") or {}).items()},
        hint=str(entry.get("hint") or ""),
        diagnosis=None if entry.get("diagnosis") is None else str(entry["diagnosis"]),
        smallest_effect=str(entry.get("smallest_effect") or ""),
        level_of_error=None if level_of_error is None else float(level_of_error),
        duration_s=float(entry.get("duration_s") or 0.0),
        parts=tuple(str(part) for part in entry.get("parts") or ()),
        advice=str(entry.get("advice") or ""),
        rejects=tuple(entry.get("rejects") or ()),
    )


def _trained(entry: Mapping[str, Any]) -> Trained:
    groups = tuple({str(arm): str(key) for arm, key in group.items()} for group in entry["groups"])
    return Trained(str(entry["claim"]), str(entry["experiment"]), groups)


_READERS: Mapping[str, Callable[[Mapping[str, Any]], Event]] = {
    "loading": lambda _entry: Loading(),
    "probing": lambda _entry: Probing(),
    "bound": lambda entry: Bound(dict(entry["implementation"]), dict(entry.get("environment") or {})),
    "promised": lambda entry: Promised(tuple(str(claim) for claim in entry["claims"])),
    "started": lambda entry: Started(str(entry["claim"]), entry.get("limit_s")),
    "progress": lambda entry: Progress(
        str(entry.get("text") or ""), entry.get("claim"), int(entry.get("done") or 0), int(entry.get("planned") or 0)
    ),
    "trained": _trained,
    "verdict": _verdict,
    "unbound": lambda entry: NotBound(str(entry["message"]), str(entry.get("hint") or "")),
    "suite-error": lambda entry: SuiteError(str(entry["message"]), str(entry.get("details") or "")),
    "finished": lambda _entry: Finished(),
}


def read_event(line: str) -> Event | None:
    """The event on one line; None for an empty line, for what is no JSON object, and for events of unknown names.

    Keys that are not known are left out. A known event that lacks what it must say, or says it wrongly, is an error of
    the suite and comes back as one.
    """
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    name = entry.get("event") if isinstance(entry, dict) else None
    if not isinstance(name, str) or name not in _READERS:
        return None
    try:
        return _READERS[name](entry)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        return SuiteError(f"the event {name!r} of the child process cannot be read: {error!r}", line.strip())


class EventFile:
    """The child's file of events, read as it grows.

    A last line without its newline is still being written: it is kept until the rest has come, and dropped if it never
    does.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self._torn = b""

    def new(self) -> list[Event]:
        """The events that came since the last call, in order."""
        if not self._path.exists():
            return []
        with self._path.open("rb") as stream:
            stream.seek(self._offset)
            fresh = stream.read()
        self._offset += len(fresh)
        *lines, self._torn = (self._torn + fresh).split(b"\n")
        events = (read_event(line.decode("utf-8", errors="replace")) for line in lines)
        return [event for event in events if event is not None]
