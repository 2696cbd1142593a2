"""Reading what the child says, whatever the state of its file."""

from __future__ import annotations

import json
import math
from pathlib import Path

import msgspec
import numpy as np
import pytest
from report_samples import BOUND, LOSS, MISSING_HALF, placed

from vae_conformance.runner.events import (
    Bound,
    ClaimVerdict,
    Event,
    EventFile,
    Finished,
    Loading,
    Lost,
    NotBound,
    Planned,
    Progress,
    Promised,
    Started,
    SuiteError,
    Trained,
    read_event,
)
from vae_spec.outcomes import Level, Outcome

VERDICT = {
    "event": "verdict",
    "claim": "KL-02",
    "title": "t",
    "level": "required",
    "source": "s",
    "outcome": "violated",
    "measured": {"ratio": 2.0, "seeds": 3, "known": True, "part": "loss", "none": None},
    "expected": {"ratio": 1},
    "message": "m",
    "hint": "h",
    "diagnosis": "missing-half",
    "smallest_effect": "e",
    "decision": "d",
    "level_of_error": 1e-8,
    "duration_s": 0.5,
}


@pytest.mark.parametrize(
    ("entry", "event"),
    [
        (
            {"event": "bound", "implementation": msgspec.to_builtins(BOUND.implementation), "environment": {"python": "3"}},
            Bound(BOUND.implementation, {"python": "3"}),
        ),
        ({"event": "loading"}, Loading()),
        ({"event": "promised", "claims": ["KL-01"]}, Promised(("KL-01",))),
        ({"event": "started", "claim": "KL-01"}, Started("KL-01")),
        ({"event": "started", "claim": "TRN-01", "limit_s": 5.0}, Started("TRN-01", 5.0)),
        (
            {"event": "planned", "trainings": 15, "items": 1297, "data": "digits", "seconds": 99.5},
            Planned(15, 1297, "digits", 99.5),
        ),
        ({"event": "lost", "claim": "KL-01"}, Lost("KL-01")),
        ({"event": "progress", "text": "step 3"}, Progress("step 3")),
        ({"event": "progress", "text": "step 3", "claim": "TRN-01", "done": 2, "planned": 15}, Progress("step 3", "TRN-01", 2, 15)),
        (
            {"event": "trained", "claim": "REC-01", "experiment": "images", "groups": [{"own": "a"}, {"own": "b"}]},
            Trained("REC-01", "images", ({"own": "a"}, {"own": "b"})),
        ),
        ({"event": "unbound", "message": "m", "hint": "h"}, NotBound("m", "h")),
        ({"event": "suite-error", "message": "m", "details": "d"}, SuiteError("m", "d")),
        ({"event": "finished", "unknown": 1}, Finished()),
    ],
)
def test_every_event_is_read(entry: dict[str, object], event: Event) -> None:
    assert read_event(json.dumps(entry)) == event


def test_a_verdict_keeps_its_numbers() -> None:
    verdict = read_event(json.dumps({**VERDICT, "why": "w", "unknown": "left out"}))
    assert verdict == ClaimVerdict(
        "KL-02",
        "t",
        Level.REQUIRED,
        "s",
        Outcome.VIOLATED,
        "m",
        decision="d",
        why="w",
        measured={"ratio": 2.0, "seeds": 3, "known": True, "part": "loss", "none": None},
        expected={"ratio": 1},
        hint="h",
        diagnosis="missing-half",
        smallest_effect="e",
        level_of_error=1e-8,
        duration_s=0.5,
    )


@pytest.mark.parametrize("line", ["", "rubbish", "[1]", "3", '{"event": "news"}', '{"no": "event"}', '{"event": "finis', '{"event": []}'])
def test_what_is_no_known_event_is_passed_over(line: str) -> None:
    assert read_event(line) is None


@pytest.mark.parametrize(
    "entry",
    [
        {"event": "started"},
        {**VERDICT, "outcome": "splendid"},
        {**VERDICT, "measured": 3},
        {**VERDICT, "measured": {"seeds": [1, 2]}},
        {"event": "promised", "claims": None},
        {"event": "trained", "claim": "REC-01", "experiment": "images", "groups": ["own"]},
    ],
)
def test_a_known_event_that_is_wrong_is_an_error_of_the_suite(entry: dict[str, object]) -> None:
    event = read_event(json.dumps(entry))
    assert isinstance(event, SuiteError)
    assert repr(entry["event"]) in event.message


def test_a_torn_line_waits_for_its_rest(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    events = EventFile(path)
    assert events.new() == []
    path.write_bytes('{"event": "progress", "text": "é"}\n{"event": "progr'.encode()[:-3])
    assert events.new() == [Progress("é")]
    assert events.new() == []
    with path.open("ab") as stream:
        stream.write(b'ogress", "text": "2"}\n')
    assert events.new() == [Progress("2")]


def test_a_line_torn_inside_a_character_is_whole_in_the_end(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    whole = json.dumps({"event": "progress", "text": "σ"}, ensure_ascii=False).encode() + b"\n"
    cut = whole.index("σ".encode()) + 1
    events = EventFile(path)
    path.write_bytes(whole[:cut])
    assert events.new() == []
    with path.open("ab") as stream:
        stream.write(whole[cut:])
    assert events.new() == [Progress("σ")]


WRITTEN: list[Event] = [
    Loading(),
    BOUND,
    Trained("REC-01", "images", ({"own": "a"}, {"own": "b"})),
    Progress("line\n1 ±\udce9", "TRN-01", 2, 15),
    msgspec.structs.replace(MISSING_HALF, measured={"ratio": float("-inf"), "n": np.float64(0.1)}),
    Finished(),
]


def test_what_is_written_is_read(tmp_path: Path) -> None:
    events = EventFile(tmp_path / "events.jsonl")
    for event in WRITTEN:
        events.append(event)
    assert events.new() == WRITTEN
    assert len((tmp_path / "events.jsonl").read_bytes().splitlines()) == len(WRITTEN)


def test_a_number_that_is_none_stays_one(tmp_path: Path) -> None:
    events = EventFile(tmp_path / "events.jsonl")
    events.append(msgspec.structs.replace(MISSING_HALF, measured={"ratio": float("nan")}))
    (found,) = events.new()
    assert isinstance(found, ClaimVerdict)
    assert math.isnan(found.measured["ratio"])  # type: ignore[arg-type]


def test_the_places_of_parts_cross_the_border(tmp_path: Path) -> None:
    implementation = placed(LOSS=LOSS).implementation
    assert implementation is not None
    events = EventFile(tmp_path / "events.jsonl")
    events.append(Bound(implementation, {}))
    (found,) = events.new()
    assert isinstance(found, Bound)
    assert found.implementation.binding.parts["loss"].location == LOSS
