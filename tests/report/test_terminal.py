"""What people see: the report in the terminal, progress, and the lists of the other commands."""

from __future__ import annotations

import io
import itertools
from dataclasses import replace

import pytest
from report_samples import BOUND, MISSING_HALF, REPORTS, mixed, report_on, verdict

from vae_conformance.cli.eta import Pace
from vae_conformance.cli.listing import render_binding, render_claim, render_claims, render_implementations
from vae_conformance.cli.progress import ProgressLine
from vae_conformance.config.options import RunOptions
from vae_conformance.report.layout import Layout, number
from vae_conformance.report.terminal import render_terminal, repeat_command
from vae_conformance.runner.events import Bound, Event, Progress, Promised, Started
from vae_spec.claim import Claim
from vae_spec.documents import basics, notes
from vae_spec.mistakes import MISTAKES
from vae_spec.outcomes import Level, Outcome, holds
from vae_spec.subject import Part


def test_the_terminal_shows_a_violation_in_full() -> None:
    text = render_terminal(report_on(MISSING_HALF, verdict("KL-03", Outcome.VIOLATED)), Layout(100))
    block = text[text.index("KL-02   required") : text.index("KL-03   required")].splitlines()
    assert block[0].split() == ["KL-02", "required", "Deep", "Learning", "Notes", "13.4,", "objective", "VIOLATED"]
    assert len(block[0]) == 100
    assert block[1:-1] == [
        "  requirement  the closed-form KL equals the Monte Carlo estimate",
        "  found        closed form 1.374, Monte Carlo 0.687 ± 0.002",
        "  expected     ratio 1, margin inf",
        "  measured     ratio 2, n 65 536",
        "  most likely  missing-half: the KL lacks its factor 1/2",
        "  mend         put the factor 1/2 back",
        "  repeat       vae-conformance run student.py:VAE --only KL-02 --seed 8435",
    ]


def test_what_holds_is_folded_into_the_summary_and_has_its_line_only_when_asked_for() -> None:
    assert "KL-01" not in render_terminal(REPORTS["good"], Layout(100))
    lines = render_terminal(REPORTS["good"], Layout(100), verbose=True).splitlines()
    there = lines.index("KL divergence")
    assert lines[there + 1].split() == ["KL-01", "required", "the", "title", "of", "KL-01", "holds"]
    assert lines[there + 2] == "    smallest effect: 1 %"
    assert lines[-2] == "student.py:VAE conforms: the 1 claim that decides holds"
    assert lines[-1] == "  exit code 0: every claim that gates holds"
    assert lines[0] == "student.py:VAE: 1 234 567 parameters, 16 latent dimensions, likelihood bernoulli"


def test_the_summary_counts_by_area_and_level() -> None:
    lines = render_terminal(mixed(), Layout(80)).splitlines()
    table = lines[lines.index("Summary") + 1 : lines.index("Summary") + 9]
    assert [" ".join(line.split()) for line in table] == [
        "required expected informational n/a",
        "Objective 0 of 2 – – –",
        "KL divergence 0 of 3 – – –",
        "Sampling step 1 of 1 – – –",
        "Training – 0 of 1 – 1",
        "Latent space – – 0 of 1 –",
        "all 1 of 6 0 of 1 0 of 1 1",
        "9 claims: 1 holds, 4 violated, 1 inconclusive, 1 not applicable, 1 expected",
    ]
    assert "unexpected pass (--verbose says why)" in " ".join(" ".join(lines).split())
    assert not any("required  expected" in line for line in render_terminal(mixed(), Layout(50)).splitlines())


def test_a_source_too_long_for_the_first_line_has_its_own() -> None:
    long = verdict("KL-02", Outcome.VIOLATED, source="Deep Learning Notes 13.4, objective; VAE Basics 6.6.3, flow")
    lines = render_terminal(report_on(long), Layout(80)).splitlines()
    there = lines.index("KL divergence")
    assert lines[there + 1].split() == ["KL-02", "required", "VIOLATED"]
    assert lines[there + 2] == "  source       Deep Learning Notes 13.4, objective; VAE Basics 6.6.3, flow"


def test_a_subject_that_conforms_fits_on_one_screen() -> None:
    areas = ("OBJ", "KL", "REP", "NET", "TRN", "REC", "SMP", "LAT", "INT", "BETA", "COL", "TOY")
    claims = [verdict(f"{area}-{n:02}", Outcome.HOLDS) for area in areas for n in range(1, 6)]
    lines = render_terminal(report_on(*claims), Layout(80)).splitlines()
    assert "  The tiny two-dimensional lab" in {line[:30] for line in lines}
    assert len(lines) <= 24


def test_the_terminal_gives_reasons_for_all_that_neither_holds_nor_is_violated() -> None:
    text = render_terminal(mixed(missing=("SMP-01",)), Layout(100), verbose=True)
    for reason in (
        "too near the border",
        "measured drop 0.5",
        "it cannot be trained",
        "listed: 0.1 on purpose",
        "take it out of the expected failures",
        "VIOLATED (does not gate)",
        "not asked: SMP-01",
        "seed 8435, profile quick, data digits, 12.3 s",
        "required and expected claims gate",
        "at most 1e-06 a run, of which 2e-08 is given out to 2 claims",
        "mend: kl = -0.5",
        "3 of 4 violated claims:",
    ):
        assert reason in text
    assert "9 claims: 1 holds, 4 violated, 1 inconclusive, 1 not applicable, 1 expected failure, 1 unexpected pass" in " ".join(
        text.split()
    )


def test_the_terminal_says_why_nothing_could_be_judged() -> None:
    unbound = render_terminal(REPORTS["unbound"], Layout(100))
    assert "no class in student.py\n  name one: student.py:VAE" in unbound
    assert "exit code 2:" in unbound
    assert "Summary" not in unbound
    assert "  | line 1\n  | line 2" in render_terminal(REPORTS["broken"], Layout(100))


@pytest.mark.parametrize("width", [40, 60, 100, 200])
def test_lines_fit_the_terminal_but_for_commands(width: int) -> None:
    text = render_terminal(mixed(), Layout(width))
    assert [line for line in text.splitlines() if len(line) > width and not line.startswith("  repeat ")] == []


def test_colour_changes_nothing_but_colour() -> None:
    plain, coloured = (render_terminal(mixed(), Layout(100, colour)) for colour in (False, True))
    assert "\x1b[" not in plain
    stripped = coloured
    for code in ("31", "32", "33", "1", "2", "0"):
        stripped = stripped.replace(f"\x1b[{code}m", "")
    assert stripped == plain
    assert stripped != coloured


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "environment", "colour"),
    [
        (Terminal(), {}, True),
        (Terminal(), {"NO_COLOR": "1"}, False),
        (Terminal(), {"NO_COLOR": ""}, True),
        (Terminal(), {"TERM": "dumb"}, False),
        (io.StringIO(), {}, False),
    ],
)
def test_colours_are_for_terminals_that_want_them(stream: io.StringIO, environment: dict[str, str], colour: bool) -> None:
    assert Layout.of(stream, environment).colour is colour


def test_the_repeat_command_holds_all_that_bears_on_the_outcome() -> None:
    options = RunOptions(
        "my vae.py",
        seed=7,
        profile="full",
        dataset="mnist",
        effective_beta=0.5,
        objective="modified",
        decoder="autoregressive",
        input_shape=(1, 28, 28),
        input_range=(-1.0, 1.0),
        gate="required",
        fail_fast=True,
    )
    assert repeat_command(options, "KL-02") == (
        "vae-conformance run 'my vae.py' --only KL-02 --seed 7 --profile full --dataset mnist --effective-beta 0.5 "
        "--objective modified --decoder autoregressive --input-shape 1,28,28 --input-range -1,1"
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1, "1"),
        (65536, "65 536"),
        (0.123456, "0.1235"),
        (1e-9, "1e-09"),
        (True, "yes"),
        (None, "none"),
        ("as is", "as is"),
        (float("nan"), "nan"),
    ],
)
def test_numbers_are_readable(value: float | str | None, text: str) -> None:
    assert number(value) == text


EVENTS: list[Event] = [
    Bound({}, {}),
    Promised(("KL-01", "KL-02")),
    Started("KL-01"),
    verdict("KL-01", Outcome.HOLDS),
    Progress("training,\nstep 3"),
]


def test_progress_rewrites_one_line_on_a_terminal() -> None:
    stream = Terminal()
    progress = ProgressLine(stream, width=24)
    for event in EVENTS:
        progress(event)
    progress.close()
    shown = stream.getvalue().split("\r\x1b[2K")
    assert shown == [
        "",
        "bound",
        "0/2 claims: bound",
        "0/2 claims: KL-01",
        "1/2 claims: KL-01 holds",
        "1/2 claims: training, s",
        "",
    ]


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


def make_claim(identifier: str) -> Claim:
    return Claim(
        id=identifier,
        title="a title " * 12,
        level=Level.REQUIRED,
        statement="what is claimed",
        sources=(basics("loss"), notes("13.4.7")),
        why="why it is",
        hint="what to do",
        decision="how",
        mistakes=("missing-half",),
        needs=(Part.LOSS,),
        check=lambda _subject, _trial: holds("so"),
        rank=None,
        spends_error_budget=False,
        at_other_sizes=False,
    )


def test_the_list_of_claims_and_one_in_full() -> None:
    listed = render_claims({name: make_claim(name) for name in ("COL-01", "OBJ-02", "OBJ-01")}, Layout(80))
    assert [line.split()[:3] for line in listed.splitlines() if "-0" in line] == [
        [name, "required", "exact"] for name in ("OBJ-01", "OBJ-02", "COL-01")
    ]
    assert listed.startswith("Objective\n")
    assert max(map(len, listed.splitlines())) <= 80
    assert "In symbols" not in render_claim(make_claim("OBJ-01"), Layout(100))
    full = render_claim(replace(make_claim("OBJ-01"), formula="z = mu + σ · eps"), Layout(100))
    for part in (
        "what is claimed",
        "In symbols\n  z = mu + σ · eps",
        "VAE Basics 6.6.3, loss",
        "why it is",
        "what to do",
        "how",
        f"missing-half: {MISTAKES['missing-half'].what}",
        "loss",
    ):
        assert part in full


def test_the_binding_shows_parts_facts_and_notes() -> None:
    text = render_binding(BOUND.implementation, BOUND.environment, Layout(100))
    for part in (
        "Found\n  encode  encode(x)",
        "Parts\n  loss    absent",
        "1, 28, 28",
        "1 234 567",
        "effective beta      1: no other is declared",
        "the second head is a log-variance",
        "torch 2.13.0",
    ):
        assert part in text


def test_the_list_of_implementations() -> None:
    assert render_implementations([("tiny", "a:B"), ("reference", "a:C")], Layout()) == "reference  a:C\ntiny       a:B\n"
    assert "no implementation is registered" in render_implementations([], Layout())
