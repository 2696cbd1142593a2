"""A training that is slow is told from one that hangs, and leaves its claims open."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from binding_samples import Native, bound
from named import named_options

from vae_conformance.experiments import plans
from vae_conformance.experiments.laboratory import Laboratory
from vae_conformance.experiments.plans import image_recipe
from vae_conformance.experiments.trainer import StillTraining
from vae_conformance.runner.session import Session
from vae_spec.claim import Experiment
from vae_spec.outcomes import Outcome


@pytest.fixture(autouse=True)
def _short_recipes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plans, "image_recipe", lambda *given: replace(image_recipe(*given), steps=12))


class Unhurried(Native):
    """Every step takes its time, and none takes much longer than the others."""

    def forward(self, x: torch.Tensor) -> Any:
        if len(x) > 100:
            time.sleep(0.5)
        return super().forward(x)


def test_a_training_that_is_slow_but_goes_on_is_told_from_one_that_hangs(tmp_path: Path) -> None:
    options = named_options("student.py", store=str(tmp_path), training_time_limit=3.0)
    laboratory = Laboratory(bound(Unhurried), "abc", options, lambda _text: None)
    with pytest.raises(StillTraining, match=r"made \d of 12 steps within 3 s") as late:
        laboratory.runs(Experiment.IMAGES, 1)
    assert late.value.done >= 2
    # Nobody waits for as long again: every other training of this length would take as long.
    laboratory.maker.options = replace(laboratory.maker.options, training_time_limit=600.0)
    with pytest.raises(StillTraining) as again:
        laboratory.runs(Experiment.IMAGES, 2)
    assert again.value is late.value


def test_a_slow_training_leaves_its_claims_open(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "student.py"
    path.write_text("from vae_reference import VAE\n")
    session = Session(named_options(f"{path}:VAE", store=str(tmp_path)), lambda _event: None)

    def slow(_laboratory: Laboratory, _experiment: Experiment, _count: int) -> None:
        raise StillTraining(250, 1000, 600.0)

    monkeypatch.setattr(Laboratory, "groups", slow)
    verdict = session.verdict("TRN-07")
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert verdict.message.startswith("one training made 250 of 1000 steps within 600 s: none of its steps hangs")
    assert "--time-limit 3600" in verdict.message
