"""The command that reproduces the documents, from start to end."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from named import named_options
from reproduction_samples import OPTIONS, STEPS, answer, found

from vae_conformance.cli.main import main as cli
from vae_conformance.cli.parser import parse
from vae_conformance.config.options import RunOptions
from vae_conformance.experiments import make_run as making
from vae_conformance.experiments import plans
from vae_conformance.reproduction import command as module
from vae_conformance.reproduction import trainings
from vae_conformance.reproduction.command import reproduce, summary, verdict_of
from vae_conformance.reproduction.findings import REFERENCE, TINY
from vae_conformance.reproduction.page import render_page
from vae_conformance.reproduction.sections import sections
from vae_spec.claim import Experiment
from vae_spec.outcomes import Outcome
from vae_spec.registry import CLAIMS


@pytest.fixture
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few steps a training, a few claims, and one seed where the plans are the suite's."""
    whole = plans.image_recipe
    monkeypatch.setattr(plans, "image_recipe", lambda *given: replace(whole(*given), steps=STEPS))
    monkeypatch.setattr(plans, "SYSTEM_STEPS", STEPS)
    monkeypatch.setattr(making, "REPEATED_STEPS", 2)
    monkeypatch.setattr(trainings, "SEEDS", 1)
    monkeypatch.setattr(module, "SEEDS", 1)
    monkeypatch.setattr(trainings, "ALWAYS", {REFERENCE: (Experiment.SWEEP,), TINY: (Experiment.LAB_PRINTED,)})
    monkeypatch.setattr(module, "ALWAYS", trainings.ALWAYS)
    asked = tuple(CLAIMS[claim] for claim in ("KL-01", "TOY-02"))
    monkeypatch.setattr(module, "selected", lambda _options: asked)


@pytest.mark.usefixtures("_short")
@pytest.mark.trained
def test_from_start_to_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out"
    said: list[str] = []
    done = reproduce(replace(OPTIONS, store=str(tmp_path / "store")), out, workers=1, say=said.append)
    numbers = json.loads((out / "numbers.json").read_text())
    assert sorted(numbers["files"]) == sorted(path.name for path in out.iterdir())
    assert numbers["exit_code"] == done.code == 0
    assert numbers["claims"]["tiny"]["TOY-02"]["outcome"] == "holds"
    assert numbers["claims"]["reference"]["TOY-02"]["outcome"] == "not-applicable"
    assert (out / "beta-comparison.png").read_bytes().startswith(b"\x89PNG")
    assert numbers["systems"]["tiny"]["implementation"]["latent_dim"] == 2
    assert "0.0244" in (out / "README.md").read_text(encoding="utf-8")
    assert "exit code 0" in summary(done, out)
    assert any("claims of tiny" in line for line in said)


def done_with(outcome: Outcome) -> module.Reproduction:
    findings = found("digits", answer("KL-01", outcome), leaving_out=tuple(Experiment))
    return module.Reproduction(findings, sections(findings), verdict_of(findings))


def reproduced(monkeypatch: pytest.MonkeyPatch, outcome: Outcome) -> list[Mapping[str, Any]]:
    calls: list[Mapping[str, Any]] = []

    def recorded(options: RunOptions, out: Path, **others: Any) -> module.Reproduction:
        calls.append({"options": options, "out": out, **others})
        return done_with(outcome)

    monkeypatch.setattr(module, "reproduce", recorded)
    return calls


@pytest.mark.parametrize(("outcome", "code"), [(Outcome.HOLDS, 0), (Outcome.VIOLATED, 1), (Outcome.INCONCLUSIVE, 3)])
def test_the_command_ends_with_the_code(
    outcome: Outcome, code: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    calls = reproduced(monkeypatch, outcome)
    argv = [
        "reproduce",
        "--dataset",
        "mnist",
        "--data-root",
        "data",
        "--seed",
        "3",
        "--store",
        "runs",
        "--out",
        str(tmp_path / "r"),
        "--download",
    ]
    assert cli(argv) == code
    (call,) = calls
    assert call["out"] == tmp_path / "r"
    assert call["options"] == named_options(REFERENCE, dataset="mnist", data_root="data", seed=3, store="runs", download=True)
    shown = capsys.readouterr().out
    assert f"exit code {code}" in shown
    assert ("KL-01 of reference (required): violated" in shown) == (outcome is Outcome.VIOLATED)


def test_a_folder_with_other_files_is_refused_before_anything_is_done(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    assert cli(["reproduce", "--out", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "thesis.txt" in said
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_data_that_are_not_there_are_told_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli(["reproduce", "--dataset", "mnist", "--out", str(tmp_path / "out")]) == 2
    assert "--data-root" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_its_help_shows_an_example_and_comes_without_pytorch() -> None:
    asked = """
import sys
from vae_conformance.cli.main import main
try:
    main(["reproduce", "--help"])
except SystemExit:
    print("torch" in sys.modules)
"""
    shown = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True).stdout
    assert "vae-conformance reproduce --dataset mnist" in shown.partition("examples:")[2]
    assert shown.endswith("False\n")


def test_its_options_have_defaults() -> None:
    assert parse(["reproduce"]).out == Path("reproduction")


def test_every_outcome_that_a_claim_can_have_has_a_place(tmp_path: Path) -> None:
    outcomes = (Outcome.HOLDS, Outcome.VIOLATED, Outcome.INCONCLUSIVE, Outcome.NOT_APPLICABLE, Outcome.ERROR)
    for outcome in outcomes:
        done = done_with(outcome)
        assert render_page(done.findings, done.sections, done.code)
        assert str(tmp_path / "README.md") in summary(done, tmp_path)
