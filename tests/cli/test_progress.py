"""Progress of a run: one line that is rewritten on a terminal, now and then a line elsewhere, and how long the rest may take."""

from __future__ import annotations

import io
import itertools
import re

import pytest
from consoles import Terminal
from report_samples import verdict

from vae_conformance.cli.progress import Pace, ProgressLine, forecast
from vae_conformance.runner.events import Bound, Event, Planned, Progress, Promised, Started
from vae_spec.outcomes import Outcome

EVENTS: list[Event] = [
    Bound({}, {}),
    Promised(("KL-01", "KL-02")),
    Started("KL-01"),
    verdict("KL-01", Outcome.HOLDS),
    Progress("training,\nstep 3"),
]


def test_progress_rewrites_one_line_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "40")
    stream = Terminal()
    progress = ProgressLine(stream)
    for event in (*EVENTS, Progress("[red]\x1b[31m" + "long " * 20)):
        progress(event)
    progress.close()
    assert re.split(r"(?:\x1b\[\?25[lh]|\r\x1b\[(?:1A\x1b\[)?2K|\n)+", stream.getvalue()) == [
        "",
        "bound",
        "0/2 claims: bound",
        "0/2 claims: KL-01",
        "1/2 claims: KL-01 holds",
        "1/2 claims: training, step 3",
        r"1/2 claims: [red]\x1b[31mlong long long…",
        r"1/2 claims: [red]\x1b[31mlong long long…",
        "",
    ]


@pytest.mark.parametrize("environment", [{"TERM": "dumb"}, {"TERM": "xterm", "NO_COLOR": "1"}])
def test_a_terminal_that_rewrites_nothing_gets_lines(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    stream = Terminal()
    progress = ProgressLine(stream)
    for event in EVENTS:
        progress(event)
    progress.close()
    assert ("\x1b" in stream.getvalue()) is (environment["TERM"] != "dumb")


def test_progress_elsewhere_is_a_line_now_and_then() -> None:
    stream, now = io.StringIO(), iter([0.0, 1.0, 2.0, 6.0, 7.0])
    progress = ProgressLine(stream, clock=lambda: next(now))
    for event in EVENTS:
        progress(event)
    progress.close()
    assert stream.getvalue() == "bound\n1/2 claims: KL-01 holds\n"


def test_progress_tells_of_the_whole_before_the_training_that_goes_on() -> None:
    stream, now = io.StringIO(), iter([0.0, 10.0, 30.0])
    progress = ProgressLine(stream, clock=lambda: next(now))
    for event in (Promised(("TRN-01",)), Progress("seed 1: step 50", done=3, planned=15), Progress("seed 2: step 9", done=5, planned=15)):
        progress(event)
    assert stream.getvalue().splitlines() == [
        "0/1 claims: loading",
        "0/1 claims, 3/15 trainings: seed 1: step 50",
        "0/1 claims, 5/15 trainings, about 2 min for the rest: seed 2: step 9",
    ]


BAD = verdict("KL-02", Outcome.VIOLATED, title="closed form = Monte Carlo")
MANY = (BAD, verdict("KL-01", Outcome.HOLDS), verdict("TRN-01", Outcome.NOT_ASKED), verdict("REP-01", Outcome.INCONCLUSIVE))


def test_what_does_not_hold_gets_a_line_as_soon_as_it_is_decided() -> None:
    stream = io.StringIO()
    progress = ProgressLine(stream, clock=lambda: 0.0)
    for event in (Promised(("KL-01", "KL-02", "REP-01", "TRN-01")), *MANY):
        progress(event)
    assert stream.getvalue().splitlines() == [
        "0/4 claims: loading",
        "KL-02 violated: closed form = Monte Carlo",
        "REP-01 inconclusive: the title of REP-01",
    ]


def test_an_expected_failure_is_no_news_and_verbose_keeps_every_verdict() -> None:
    stream = io.StringIO()
    progress = ProgressLine(stream, expected={"KL-02": "on purpose"}, verbose=True, clock=lambda: 0.0)
    for event in MANY:
        progress(event)
    kept = [line.split(":")[0] for line in stream.getvalue().splitlines()]
    assert kept == ["KL-02 violated", "KL-01 holds", "TRN-01 not asked", "REP-01 inconclusive"]


def test_lines_that_stay_stand_above_the_one_that_is_rewritten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("NO_COLOR", "1")
    stream = Terminal()
    progress = ProgressLine(stream)
    for event in (Promised(("KL-01", "KL-02")), verdict("KL-01", Outcome.HOLDS), BAD):
        progress(event)
    progress.close()
    assert [line for line in re.split(r"(?:\x1b\[\?25[lh]|\r?\x1b\[(?:1A\x1b\[)?2K|\n)+", stream.getvalue()) if line] == [
        "0/2 claims: loading",
        "1/2 claims: KL-01 holds",
        "KL-02 violated: closed form = Monte Carlo",
        "1/2 claims: KL-01 holds",
        "2/2 claims: KL-02 violated",
        "2/2 claims: KL-02 violated",
    ]


def test_the_trainings_to_come_are_told_once_whoever_says_so() -> None:
    stream = io.StringIO()
    progress = ProgressLine(stream, workers=2, clock=lambda: 0.0)
    for planned in (Planned(15, 1297, "digits", 240.0), Planned(14, 1297, "digits", 200.0)):
        progress(planned)
    assert stream.getvalue() == "trains your model 15 times on 1297 digits: about 2 min; --profile exact skips this\n"


@pytest.mark.parametrize(
    ("planned", "workers", "text"),
    [
        (Planned(1, 256, "points", 3.0), 2, "trains your model once on 256 points: about 3 s; --profile exact skips this"),
        (Planned(10, 60_000, "images"), 1, "trains your model 10 times on 60 000 images; --profile exact skips this"),
    ],
)
def test_the_trainings_to_come_in_words(planned: Planned, workers: int, text: str) -> None:
    assert forecast(planned, workers) == text


def test_a_long_run_does_not_flood_a_log() -> None:
    seconds = 3600
    stream, now = io.StringIO(), iter(map(float, range(seconds)))
    progress = ProgressLine(stream, clock=lambda: next(now))
    for step in range(seconds):
        progress(Progress(f"step {step}"))
    shown = [int(line.split()[1]) for line in stream.getvalue().splitlines()]
    pauses = [after - before for before, after in itertools.pairwise(shown)]
    assert (pauses[0], pauses[-1]) == (5, 30)
    assert pauses == sorted(pauses)
    assert len(shown) < 150


def test_the_rate_is_that_of_the_trainings_made_in_this_run() -> None:
    pace = Pace()
    assert pace.words(0.0) == ""
    pace.note(10, 20, 0.0)
    assert pace.words(5.0) == "10/20 trainings"
    pace.note(11, 20, 4.0)
    assert pace.words(4.0) == "11/20 trainings"
    pace.note(12, 20, 8.0)
    assert pace.words(8.0) == "12/20 trainings, about 32 s for the rest"
    assert pace.words(18.0) == "12/20 trainings, about 22 s for the rest"
    assert pace.words(100.0) == "12/20 trainings, about 1 s for the rest"
    pace.note(11, 15, 101.0)
    assert pace.words(101.0).startswith("12/20 trainings"), "a process that knows less takes nothing back"
    pace.note(20, 20, 102.0)
    assert pace.words(102.0) == "20/20 trainings"
