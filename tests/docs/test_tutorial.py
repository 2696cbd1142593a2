"""What the tutorial and the README show of runs is what these runs show, but for rounding and the clock."""

from __future__ import annotations

import difflib
import re
from pathlib import Path

import pytest
from consoles import console
from doc_pages import DOCS, NATIVE, ROOT, blocks, read

from vae_conformance import Report, check_vae
from vae_conformance.report.terminal import render_terminal

PAGE = read("tutorial")
STAGES = ("1-draft", "2-sampling", "3-sound")
NUMBER = re.compile(r"-?\d+\.\d+(?:e[+-]?\d+)?|-?\d+e[+-]?\d+")
"""What rounding and the clock may change."""


def source(stage: str) -> str:
    return (DOCS / "tutorial" / stage / "student.py").read_text(encoding="utf-8")


def run(code: str, width: int, folder: Path, monkeypatch: pytest.MonkeyPatch, **options: str) -> tuple[str, Report]:
    """What a terminal of that width shows of one file, its numbers masked, and the report."""
    (folder / "student.py").write_text(code, encoding="utf-8")
    monkeypatch.chdir(folder)
    report = check_vae("student.py:VAE", **options)  # type: ignore[arg-type]
    return NUMBER.sub("#", render_terminal(report, console(width))), report


def shown(heading: str) -> list[str]:
    """The blocks of output below one heading, their numbers masked."""
    section = re.split(r"^## ", PAGE.partition(f"## {heading}\n")[2], flags=re.MULTILINE)[0]
    return [NUMBER.sub("#", block.rstrip()) for block in blocks(section, "text")]


def test_the_page_shows_the_draft_as_it_is() -> None:
    assert blocks(PAGE, "python") == [source("1-draft")]


@pytest.mark.parametrize("number", [0, 1])
def test_a_stage_differs_from_the_one_before_by_what_the_page_says(number: int) -> None:
    before, after = (source(stage).partition("\n")[2].splitlines() for stage in STAGES[number : number + 2])
    changes = [line for line in difflib.ndiff(before, after) if line[:2] in ("- ", "+ ")]
    told = [line for line in blocks(PAGE, "diff")[number].splitlines() if line[0] in "+-"]
    assert [f"{line[0]}{line[2:]}" for line in changes] == told


@pytest.mark.parametrize(
    ("stage", "options", "kept"),
    [
        ("1-draft", {}, [("The first report", 0), ("The first report", 1), ("The sampling step", 0)]),
        ("2-sampling", {"only": "REP"}, [("The sampling step", 1)]),
        ("2-sampling", {}, [("The loss", 0), ("The loss", 1)]),
        ("3-sound", {}, [("It conforms", 0)]),
    ],
)
def test_an_exact_run_shows_what_the_page_shows(
    stage: str, options: dict[str, str], kept: list[tuple[str, int]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output, report = run(source(stage), 80, tmp_path, monkeypatch, profile="exact", **options)
    for heading, number in kept:
        assert shown(heading)[number] in output
    if not options:
        mistakes = {"1-draft": ["std-no-half", "recon-mean-kl-sum"], "2-sampling": ["recon-mean-kl-sum"], "3-sound": []}
        assert [one.mistake for one in report.diagnoses] == mistakes[stage]
        assert report.exit_code == (0 if stage == "3-sound" else 1)


def test_the_readme_shows_what_its_mistake_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    output, _ = run(NATIVE.replace("torch.exp(0.5 * logvar)", "torch.exp(logvar)"), 100, tmp_path, monkeypatch, profile="exact")
    (told,) = blocks(read(ROOT / "README.md"), "text")
    for part in told.split("\n[…]\n"):
        assert NUMBER.sub("#", part.strip()) in output


@pytest.mark.slow
@pytest.mark.parametrize(
    ("stage", "options", "heading", "number"),
    [("2-sampling", {"only": "COL-01"}, "The loss", 2), ("3-sound", {}, "And in training", 0)],
)
def test_a_trained_run_shows_what_the_page_shows(
    stage: str, options: dict[str, str], heading: str, number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output, _ = run(source(stage), 80, tmp_path, monkeypatch, store=str(tmp_path / "store"), **options)
    assert shown(heading)[number] in output
