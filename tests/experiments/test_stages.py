"""Trainings that differ in their length alone are one training, looked at on its way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from binding_samples import BatchNormed, Bound, Native, bound
from named import named_options
from torch import Tensor, nn
from training_samples import RECIPE, training_items

from vae_conformance.experiments import make_run as making
from vae_conformance.experiments import plans
from vae_conformance.experiments.laboratory import Laboratory
from vae_conformance.experiments.plans import image_recipe
from vae_conformance.experiments.store import encode
from vae_conformance.experiments.trainer import train, train_in_stages
from vae_spec.claim import Experiment
from vae_spec.evidence import Recipe, Training
from vae_spec.subject import SubjectFault


@pytest.fixture(scope="module")
def items() -> Tensor:
    return training_items()


# the trainer


@pytest.mark.parametrize("kind", [Native, BatchNormed])
def test_a_stage_of_a_training_is_the_training_of_that_length(kind: type[nn.Module], items: Tensor) -> None:
    subject = bound(kind)
    staged = train_in_stages(subject, RECIPE, (7, 31, 60), items)
    for stage, steps in zip(staged, (7, 31, 60), strict=True):
        alone = train(subject, replace(RECIPE, steps=steps), items)
        assert len(stage.total) == steps
        assert np.array_equal(stage.total, alone.total)
        assert np.array_equal(stage.analytic_kl, alone.analytic_kl)
        assert stage.diverged_at is alone.diverged_at is None
        assert all(torch.equal(value, alone.state[name]) for name, value in stage.state.items())


class Exploding(Native):
    """Its loss is not finite from its eleventh call in training on."""

    calls = 0

    def loss(self, x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor, beta: float = 1.0) -> Any:
        self.calls += 1
        total, reconstruction, kl = super().loss(x_hat, x, mu, logvar, beta)
        return (total * torch.inf if self.calls > 10 else total), reconstruction, kl


def test_a_divergence_belongs_to_the_stages_behind_it(items: Tensor) -> None:
    subject = bound(Exploding)
    subject.model.calls = 0
    before, behind = train_in_stages(subject, RECIPE, (10, 60), items)
    assert before.diverged_at is None
    assert len(before.total) == 10
    assert all(bool(torch.isfinite(value).all()) for value in before.state.values())
    assert behind.diverged_at == 10
    assert np.array_equal(behind.total, before.total)


# the laboratory


LONG, SHORT = 12, 5


@pytest.fixture
def lengths(monkeypatch: pytest.MonkeyPatch) -> None:
    """The subject's own training is longer than what comparisons train, as it is on large data."""
    monkeypatch.setattr(plans, "image_recipe", lambda *given: replace(image_recipe(*given), steps=LONG))
    monkeypatch.setattr(plans, "_large", lambda *_given: True)
    monkeypatch.setattr(plans, "COMPARED_STEPS", SHORT)


def lab(subject: Bound, folder: Path, *ahead: Experiment) -> Laboratory:
    return Laboratory(subject, "abc", named_options("student.py", store=str(folder)), lambda _text: None, None, ahead)


@pytest.fixture
def trainings(monkeypatch: pytest.MonkeyPatch) -> list[tuple[float, tuple[int, ...]]]:
    """The weight of the KL and the stops of each training, in order."""
    done: list[tuple[float, tuple[int, ...]]] = []
    run = making.train_in_stages

    def counted(subject: Bound, recipe: Recipe, stops: Sequence[int], *rest: Any) -> list[Training]:
        done.append((recipe.beta, tuple(stops)))
        return run(subject, recipe, stops, *rest)

    monkeypatch.setattr(making, "train_in_stages", counted)
    return done


@pytest.mark.usefixtures("lengths")
def test_a_training_that_is_the_beginning_of_another_is_made_with_it(
    native: Bound, tmp_path: Path, trainings: list[tuple[float, tuple[int, ...]]]
) -> None:
    asked = (Experiment.IMAGES, Experiment.CONTRAST)
    (group,) = lab(native, tmp_path, *asked).groups(Experiment.CONTRAST, 1)
    (run,) = lab(native, tmp_path, *asked).runs(Experiment.IMAGES, 1)
    assert trainings == [(1.0, (SHORT, LONG)), (0.0, (SHORT,))]
    assert (len(group["own"].total), len(run.total)) == (SHORT, LONG)
    (alone,) = lab(native, tmp_path / "alone").groups(Experiment.CONTRAST, 1)
    assert np.array_equal(alone["own"].total, group["own"].total)
    assert encode(alone["own"]) == encode(group["own"])


@pytest.mark.usefixtures("lengths")
def test_what_is_stored_of_several_lengths_is_not_made_again(
    native: Bound, tmp_path: Path, trainings: list[tuple[float, tuple[int, ...]]]
) -> None:
    lab(native, tmp_path).runs(Experiment.IMAGES, 1)
    lab(native, tmp_path, Experiment.IMAGES, Experiment.WITHOUT_KL).groups(Experiment.WITHOUT_KL, 1)
    assert trainings == [(1.0, (LONG,)), (1.0, (SHORT,)), (0.0, (SHORT,))]


@pytest.mark.usefixtures("lengths")
def test_a_fault_behind_the_end_of_a_training_is_not_its_own(native: Bound, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = making.train_in_stages

    def weary(subject: Bound, recipe: Recipe, *rest: Any) -> list[Training]:
        if recipe.steps == LONG:
            raise SubjectFault("training", "takes too long")
        return run(subject, recipe, *rest)

    monkeypatch.setattr(making, "train_in_stages", weary)
    laboratory = lab(native, tmp_path, Experiment.IMAGES, Experiment.CONTRAST)
    (group,) = laboratory.groups(Experiment.CONTRAST, 1)
    assert len(group["own"].total) == SHORT
    with pytest.raises(SubjectFault, match="takes too long"):
        laboratory.runs(Experiment.IMAGES, 1)
