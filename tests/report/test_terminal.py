"""What people see: the report in the terminal, progress, and the lists of the other commands."""

from __future__ import annotations

import io

import pytest
from report_samples import mixed, report_on, verdict

from vae_conformance.config.options import RunOptions
from vae_conformance.report.layout import Layout, number
from vae_conformance.report.terminal import render_terminal, repeat_command
from vae_spec.outcomes import Outcome


def test_a_subject_that_conforms_fits_on_one_screen() -> None:
    areas = ("OBJ", "KL", "REP", "NET", "TRN", "REC", "SMP", "LAT", "INT", "BETA", "COL", "TOY")
    claims = [verdict(f"{area}-{n:02}", Outcome.HOLDS) for area in areas for n in range(1, 6)]
    lines = render_terminal(report_on(*claims), Layout(80)).splitlines()
    assert "  The tiny two-dimensional lab" in {line[:30] for line in lines}
    assert len(lines) <= 24


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
