"""The kill matrix keeps its trained runs across checkouts; runs of other code are never reused and do not accumulate."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import trained_runs
from trained_runs import KEPT, fingerprint, folder


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """Create a package with a minimal trainer, claims and data."""
    root = tmp_path / "package"
    (root / "experiments").mkdir(parents=True)
    (root / "claims").mkdir()
    (root / "experiments" / "trainer.py").write_text("STEPS = 1000\n")
    (root / "claims" / "training.py").write_text("LIMIT = 1\n")
    (root / "calibration.json").write_text("{}")
    return root


@pytest.mark.parametrize("changed", ["experiments/trainer.py", "calibration.json", "experiments/new.py"])
def test_a_changed_suite_has_runs_of_its_own(changed: str, package: Path) -> None:
    before = fingerprint([package])
    assert fingerprint([package]) == before
    (package / changed).write_text("other")
    assert fingerprint([package]) != before


def test_a_changed_claim_finds_the_runs_that_it_looks_at(package: Path) -> None:
    before = fingerprint([package])
    (package / "claims" / "training.py").write_text("LIMIT = 2\n")
    assert fingerprint([package]) == before


def test_the_folder_is_the_named_one_and_what_it_holds_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAE_CONFORMANCE_MATRIX_RUNS", str(tmp_path / "kept"))
    own = folder()
    assert own is not None
    assert own.parent == tmp_path / "kept"
    (own / "a.run").write_text("trained")
    assert folder() == own
    assert (own / "a.run").read_text() == "trained"


def test_runs_of_old_code_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAE_CONFORMANCE_MATRIX_RUNS", str(tmp_path))
    for age, name in enumerate("abcd", start=1):
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (1000 - age, 1000 - age))
    own = folder()
    assert own is not None
    assert {path.name for path in tmp_path.iterdir()} == {own.name, "a", "b"}
    assert KEPT == 3


def test_another_code_has_another_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: Path) -> None:
    monkeypatch.setenv("VAE_CONFORMANCE_MATRIX_RUNS", str(tmp_path / "kept"))
    own = folder()
    monkeypatch.setattr(trained_runs, "fingerprint", lambda: fingerprint([package]))
    assert folder() != own


def test_there_is_none_where_nothing_can_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("VAE_CONFORMANCE_MATRIX_RUNS", str(tmp_path / "file"))
    assert folder() is None
