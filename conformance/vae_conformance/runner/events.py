"""The events of a run: records passed as objects within a process, and as one line of JSON each from child to parent."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import get_args

import msgspec

from vae_conformance.location import Location
from vae_spec.diagnosis import Role
from vae_spec.outcomes import Level, Number, Outcome


class FoundPart(msgspec.Struct, frozen=True, omit_defaults=True):
    """A part of the implementation: its status, description and location, and the evidence that identified it."""

    standing: str
    account: str
    location: Location | None
    known_by: str = ""


class Binding(msgspec.Struct, frozen=True):
    """The parts by name, and sentences on what was found.

    Attributes:
        parts: by name.
        notes: what was inferred.
        assumed: what the file itself does not settle.
        declared: weights and scales that the author's own code declares.
    """

    parts: Mapping[str, FoundPart] = {}
    notes: tuple[str, ...] = ()
    assumed: tuple[str, ...] = ()
    declared: tuple[str, ...] = ()

    @property
    def heading(self) -> tuple[tuple[str, str], ...]:
        """What a report begins with: each declaration and assumption, with the word for it."""
        return (*(("declared", text) for text in self.declared), *(("assumed", text) for text in self.assumed))


class WeightsFile(msgspec.Struct, frozen=True):
    """The file of given weights, which are judged without training."""

    file: str
    sha256: str

    def __str__(self) -> str:
        """Return the file name with the first 12 digits of its SHA-256."""
        return f"{self.file} (SHA-256 {self.sha256[:12]})"


class FoundImplementation(msgspec.Struct, frozen=True):
    """A loaded and bound implementation.

    Attributes:
        target: the target string as the user wrote it.
        name: its name in reports.
        binding: its parts.
        effective_beta: the declared value, or None.
        likelihood: detected or declared; None if none fits.
        parameters: the number of trainable parameters.
        input_shape: the shape of one item.
        latent_dim: the number of latent dimensions.
        weights: the file of given weights; None if the suite trains it.
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
    """A record whose JSON names its kind in `event`."""


class Loading(_Event, frozen=True, tag="loading"):
    """The implementation's own code runs from now on; before, only the suite's does."""


class Probing(_Event, frozen=True, tag="probing"):
    """The implementation was loaded; its parts are called from now on, to bind them."""


class Bound(_Event, frozen=True, tag="bound"):
    """The implementation was loaded and bound: its parts, the environment, and the name of the data that it is trained on."""

    implementation: FoundImplementation
    environment: Mapping[str, str | int]
    data: str = ""


class Promised(_Event, frozen=True, tag="promised"):
    """The ids of the claims that this run asks."""

    claims: tuple[str, ...]


class Started(_Event, frozen=True, tag="started"):
    """A claim is being asked. `limit_s` is the allowed seconds without an event, if it differs from the run's time limit."""

    claim: str
    limit_s: float | None = None


class Progress(_Event, frozen=True, tag="progress"):
    """The progress of a training.

    Attributes:
        text: a description for the user.
        claim: the id of its claim, if known.
        done, planned: the number of finished trainings and of those known to be needed; both 0 if they were not counted.
    """

    text: str
    claim: str | None = None
    done: int = 0
    planned: int = 0


class Planned(_Event, frozen=True, tag="planned"):
    """The trainings that the run is about to make, as far as known.

    Attributes:
        trainings: their number, without those that are stored.
        items: the number of items that each is trained on.
        data: what these items are, in the plural.
        seconds: an estimate of the time that one process would take for all of them; 0 if unknown.
    """

    trainings: int
    items: int
    data: str
    seconds: float = 0.0


class Trained(_Event, frozen=True, tag="trained"):
    """A claim was evaluated on trained runs from the store. Its groups hold for each seed the names in the store, by variant."""

    claim: str
    experiment: str
    groups: tuple[Mapping[str, str], ...]


class ClaimVerdict(_Event, frozen=True, tag="verdict"):
    """The verdict on one claim, with the facts about the claim that reports show.

    Attributes:
        claim: the id.
        title, statement, why, level, source, decision: those of the claim; statement and why may be empty.
        outcome, message, measured, expected, hint, diagnosis, smallest_effect: those of the verdict.
        level_of_error: the false-alarm probability allotted to an exact-tail test, or None.
        parts: the parts of the implementation that it concerns, the likeliest first.
        advice: the claim's general advice for fixing a violation; the hint may be more specific.
        rejects: the mistakes that it must reject, for a claim without training.
        rank, role, explains, trained: those of the claim, which diagnosis needs.
        duration_s: the duration in seconds.
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
    rank: int | None = None
    role: Role | None = None
    explains: tuple[str, ...] = ()
    trained: bool = False


class Lost(_Event, frozen=True, tag="lost"):
    """The implementation's code ended one of several worker processes while it asked this claim."""

    claim: str


class NotBound(_Event, frozen=True, tag="unbound"):
    """The target cannot be loaded or bound, or an option names something unknown."""

    message: str
    hint: str = ""


class SuiteError(_Event, frozen=True, tag="suite-error"):
    """The suite itself failed."""

    message: str
    details: str = ""


class Finished(_Event, frozen=True, tag="finished"):
    """The child has evaluated all its claims."""


Event = (
    Loading | Probing | Bound | Promised | Started | Planned | Progress | Trained | ClaimVerdict | Lost | NotBound | SuiteError | Finished
)
Emit = Callable[[Event], None]
_TAGS = frozenset(kind.__struct_config__.tag for kind in get_args(Event))


def read_event(line: str) -> Event | None:
    """Parse the event on one line; None for an empty line, a line that is not a JSON object, or an unknown event.

    Unknown keys are ignored. A known event with missing or invalid fields is returned as a `SuiteError`.
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
    """The file of events that a child appends to and its parent reads while it grows.

    A last line without a newline is still being written: it is held back until its rest arrives, and dropped if it never does.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self._torn = b""

    def append(self, event: Event) -> None:
        """Append one event in a single write, so that the lines of several processes do not interleave."""
        # Not msgspec's own JSON, which cannot represent infinity and NaN: measured values may contain them.
        line = json.dumps(msgspec.to_builtins(event, enc_hook=float)) + "\n"
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(descriptor, line.encode())
        finally:
            os.close(descriptor)

    def new(self) -> list[Event]:
        """Return the events added since the last call, in order."""
        if not self._path.exists():
            return []
        with self._path.open("rb") as stream:
            stream.seek(self._offset)
            fresh = stream.read()
        self._offset += len(fresh)
        *lines, self._torn = (self._torn + fresh).split(b"\n")
        events = (read_event(line.decode("utf-8", errors="replace")) for line in lines)
        return [event for event in events if event is not None]
