"""What is said while a run goes on, as records: handed on as they are within a process, as one line of JSON each from child to parent."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import get_args

import msgspec

from vae_conformance.location import Location
from vae_spec.outcomes import Level, Number, Outcome


class FoundPart(msgspec.Struct, frozen=True, omit_defaults=True):
    """A part of the implementation: how it stands, what it is, where, and how that was known."""

    standing: str
    account: str
    location: Location | None
    known_by: str = ""


class Binding(msgspec.Struct, frozen=True):
    """The parts by their names, and what was inferred, a sentence each."""

    parts: Mapping[str, FoundPart] = {}
    notes: tuple[str, ...] = ()


class WeightsFile(msgspec.Struct, frozen=True):
    """The file of weights that are judged as they are."""

    file: str
    sha256: str

    def __str__(self) -> str:
        """The file with the beginning of its SHA-256."""
        return f"{self.file} (SHA-256 {self.sha256[:12]})"


class FoundImplementation(msgspec.Struct, frozen=True):
    """What was found of an implementation.

    Attributes:
        target: as the user named it.
        name: how reports call it.
        binding: its parts.
        effective_beta: what is declared, or None.
        likelihood: detected or declared; None where none fits.
        parameters: how many trainable numbers it has.
        input_shape: of one item.
        latent_dim: the number of latent dimensions.
        weights: None where it is trained anew.
    """

    target: str
    name: str
    binding: Binding
    effective_beta: float | None
    likelihood: str | None
    parameters: int
    input_shape: tuple[int, ...]
    latent_dim: int
    weights: WeightsFile | None = None


class _Event(msgspec.Struct, frozen=True, tag_field="event"):
    """A record that says on its line which kind it is."""


class Loading(_Event, frozen=True, tag="loading"):
    """From here on the implementation's own code runs; before, the suite alone is at work."""


class Probing(_Event, frozen=True, tag="probing"):
    """The implementation was loaded; from here on its parts are called, to find out how."""


class Bound(_Event, frozen=True, tag="bound"):
    """The implementation was loaded and bound: what was found, and under what it runs."""

    implementation: FoundImplementation
    environment: Mapping[str, str | int]


class Promised(_Event, frozen=True, tag="promised"):
    """The ids of the claims that this run asks."""

    claims: tuple[str, ...]


class Started(_Event, frozen=True, tag="started"):
    """A claim is being asked.

    Attributes:
        claim: its id.
        limit_s: seconds it may take without a word, where the child knows better than the time limit of the run.
    """

    claim: str
    limit_s: float | None = None


class Progress(_Event, frozen=True, tag="progress"):
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


class Trained(_Event, frozen=True, tag="trained"):
    """A claim was given trained runs, which lie in the store.

    Attributes:
        claim: its id.
        experiment: what the runs are.
        groups: of each seed the names in the store, by what was changed.
    """

    claim: str
    experiment: str
    groups: tuple[Mapping[str, str], ...]


class ClaimVerdict(_Event, frozen=True, tag="verdict"):
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
    measured: Mapping[str, Number] = {}
    expected: Mapping[str, Number] = {}
    hint: str = ""
    diagnosis: str | None = None
    smallest_effect: str = ""
    level_of_error: float | None = None
    duration_s: float = 0.0
    parts: tuple[str, ...] = ()
    advice: str = ""
    rejects: tuple[str, ...] = ()


class NotBound(_Event, frozen=True, tag="unbound"):
    """The target cannot be loaded or bound, or an option names something unknown."""

    message: str
    hint: str = ""


class SuiteError(_Event, frozen=True, tag="suite-error"):
    """The suite itself failed."""

    message: str
    details: str = ""


class Finished(_Event, frozen=True, tag="finished"):
    """The child came to the end of what it had to ask."""


Event = Loading | Probing | Bound | Promised | Started | Progress | Trained | ClaimVerdict | NotBound | SuiteError | Finished
Emit = Callable[[Event], None]
_TAGS = frozenset(kind.__struct_config__.tag for kind in get_args(Event))


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
    if not isinstance(name, str) or name not in _TAGS:
        return None
    try:
        event: Event = msgspec.convert(entry, Event)
    except msgspec.ValidationError as error:
        return SuiteError(f"the event {name!r} of the child process cannot be read: {error}", line.strip())
    return event


class EventFile:
    """The file of events between a child, which appends to it, and its parent, which reads it as it grows.

    A last line without its newline is still being written: it is kept until the rest has come, and dropped if it never
    does.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self._torn = b""

    def append(self, event: Event) -> None:
        """Write one event; at once, so that the lines of several processes do not mix."""
        # Not msgspec's own JSON: that has no numbers that are not finite, and a measured one may be.
        line = json.dumps(msgspec.to_builtins(event, enc_hook=float)) + "\n"
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(descriptor, line.encode())
        finally:
            os.close(descriptor)

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
