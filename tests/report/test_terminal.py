"""What people see: the report in the terminal, progress, and the lists of the other commands."""

from __future__ import annotations

import io
import re
import shlex
from dataclasses import replace

import pytest
from consoles import Terminal, console
from msgspec.structs import replace as changed
from named import named_options
from report_samples import OPTIONS as SAMPLE_OPTIONS
from report_samples import mixed, report_on, verdict
from rich.cells import cell_len

from vae_conformance.cli.parser import parse
from vae_conformance.config.options import OPTIONS, read_words
from vae_conformance.report.console import console_for
from vae_conformance.report.terminal import render_terminal, repeat_command
from vae_conformance.report.wording import number
from vae_conformance.target.spec import parse_target
from vae_spec.outcomes import Outcome


def test_a_subject_that_conforms_fits_on_one_screen() -> None:
    areas = ("OBJ", "KL", "REP", "NET", "TRN", "REC", "SMP", "LAT", "INT", "BETA", "COL", "TOY")
    claims = [verdict(f"{area}-{n:02}", Outcome.HOLDS) for area in areas for n in range(1, 6)]
    lines = render_terminal(report_on(*claims), console(80)).splitlines()
    assert "  The tiny two-dimensional lab" in {line[:30] for line in lines}
    assert len(lines) <= 24


def test_what_was_assumed_stands_below_the_header() -> None:
    report = mixed()
    assert report.implementation is not None
    binding = changed(report.implementation.binding, assumed=("z_dim=16: guessed", "a placeholder stands for Options"))
    lines = render_terminal(replace(report, implementation=changed(report.implementation, binding=binding)), console(100)).splitlines()
    assert lines[1:3] == ["  assumed: z_dim=16: guessed", "  assumed: a placeholder stands for Options"]
    assert "assumed" not in render_terminal(report, console(100))


@pytest.mark.parametrize("width", [40, 60, 100, 200])
def test_lines_fit_the_terminal_but_for_commands(width: int) -> None:
    text = render_terminal(mixed(), console(width))
    assert [line for line in text.splitlines() if len(line) > width and not line.startswith("  repeat ")] == []


def test_colour_changes_nothing_but_colour() -> None:
    plain, coloured = (render_terminal(mixed(), console(colour=colour)) for colour in (False, True))
    assert re.sub(r"\x1b\[[\d;]+m", "", coloured) == plain != coloured


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
def test_colours_are_for_terminals_that_want_them(
    stream: io.StringIO, environment: dict[str, str], colour: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"TERM": "xterm", **environment}.items():
        monkeypatch.setenv(name, value)
    assert ("\x1b" in render_terminal(mixed(), console_for(stream))) is colour


def test_the_width_is_the_terminal_s_and_a_hundred_columns_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "70")
    assert (console_for(Terminal()).width, console_for(io.StringIO()).width) == (70, 100)
    monkeypatch.setenv("COLUMNS", "7")
    assert console_for(Terminal()).width == 40


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("[red]not red[/red] :smile: [link=x]y[/link]", "[red]not red[/red] :smile: [link=x]y[/link]"),
        ("\x1b[31mred\x1b[0m\x07\x08\r", r"\x1b[31mred\x1b[0m\x07\x08"),
        ("turned \u202e round \ud800", r"turned \u202e round \ud800"),
        ("a\tb \\x1b", "a       b \\x1b"),
    ],
)
@pytest.mark.parametrize("colour", [False, True])
def test_nothing_in_a_message_is_interpreted(message: str, shown: str, colour: bool) -> None:
    report = report_on(verdict("KL-01", Outcome.VIOLATED, message), options=replace(SAMPLE_OPTIONS, target=parse_target(message)))
    assert f"  found        {shown}\n" in render_terminal(report, console(colour=colour))
    assert not re.search(r"\x1b(?!\[(0|1|2|1;31|31)m)|[\x07\x08\r\u202e]", render_terminal(report, console(colour=True)))


@pytest.mark.parametrize("word", ["x" * 300, "変分" * 100])
def test_a_long_word_is_broken_and_nothing_of_it_is_lost(word: str) -> None:
    text = render_terminal(report_on(verdict("TRN-01", Outcome.INCONCLUSIVE, word)), console(60))
    assert word in text.replace("\n", "").replace(" ", "")
    assert max(cell_len(line) for line in text.splitlines()) <= 60


def test_the_repeat_command_holds_all_that_bears_on_the_outcome() -> None:
    options = named_options(
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


def test_the_repeat_command_leads_back_to_every_option_that_bears_on_the_outcome() -> None:
    given = {
        "profile": "exact",
        "dataset": "clusters",
        "data": "my images.npz",
        "data_root": "d",
        "seed": 8,
        "effective_beta": 1 / 3,
        "likelihood": "laplace",
        "objective": "elbo-monte-carlo",
        "decoder": "autoregressive",
        "loss": "of_mine",
        "second_head": "std",
        "input_shape": (784,),
        "input_range": (-0.5, 1e-7),
        "weights": "w.pt",
        "device": "cuda:1",
    }
    assert given.keys() == {name for name, option in OPTIONS.items() if option.bears}
    assert read_words(vars(parse(shlex.split(repeat_command(named_options("a.py", **given)))[1:]))) == given  # type: ignore[arg-type]


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
