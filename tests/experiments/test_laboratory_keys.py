"""What decides under which key a run is stored, and what does not."""

from __future__ import annotations

import inspect
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from binding_samples import Bound, Native, bound
from named import named_options, named_target

from vae_conformance.experiments import laboratory as module
from vae_conformance.experiments.laboratory import Laboratory
from vae_spec.claim import Experiment

OPTIONS = named_options("student.py")


def names(subject: Bound, folder: Path, fingerprint: str = "abc", **options: Any) -> set[str]:
    laboratory = Laboratory(subject, fingerprint, replace(OPTIONS, store=str(folder), **options), lambda text: None)
    return {laboratory._key(plan) for group in laboratory._plans(Experiment.IMAGES, 2) for plan in group.values()}


@pytest.mark.parametrize(
    "change",
    [{"fingerprint": "abd"}, {"seed": 1}, {"device": "cpu:0"}],
    ids=["source", "seed", "device"],
)
def test_another_run_has_another_key(native: Bound, tmp_path: Path, change: dict[str, Any]) -> None:
    plain = names(native, tmp_path)
    assert len(plain) == 2
    assert names(native, tmp_path) == plain
    assert not plain & names(native, tmp_path, **change)


@pytest.mark.parametrize(
    "options",
    [{"input_range": (0.0, 2.0)}, {"input_shape": (64,)}, {"likelihood": "squared-error"}, {"effective_beta": 0.5}],
    ids=repr,
)
def test_what_was_declared_of_the_implementation_decides_too(options: dict[str, Any], tmp_path: Path) -> None:
    assert not names(bound(Native), tmp_path) & names(bound(Native, **options), tmp_path)


@pytest.mark.parametrize(
    "options",
    [{"gate": "required"}, {"fail_fast": True}, {"only": ("TRN-01",)}, {"profile": "full"}, {"time_limit": 5.0}],
    ids=repr,
)
def test_what_concerns_verdicts_alone_leaves_the_keys(native: Bound, tmp_path: Path, options: dict[str, Any]) -> None:
    assert names(native, tmp_path) == names(native, tmp_path, **options)


def test_the_suites_own_code_decides_the_keys(native: Bound, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = names(native, tmp_path)
    monkeypatch.setattr(module, "code_fingerprint", lambda: "other code")
    assert not plain & names(native, tmp_path)


def test_a_targets_source_decides_the_keys(tmp_path: Path) -> None:
    import binding_samples

    file = tmp_path / "student.py"
    found = []
    for change in ("", "\nCHANGED = True\n"):
        file.write_text(inspect.getsource(binding_samples) + change)
        found.append(named_target(f"{file}:Native").fingerprint())
    assert found[0] != found[1]
