"""Which trainings an experiment is made of."""

from __future__ import annotations

from pathlib import Path

import pytest

from vae_conformance.experiments.laboratory import code_fingerprint
from vae_conformance.experiments.plans import ARMS, COMPARED_STEPS, LARGE_STEPS, MANY, exercise_plans, image_plans
from vae_spec.claim import Experiment

COMPARISONS = [experiment for experiment, arms in ARMS.items() if len(arms) > 1]


@pytest.mark.parametrize("experiment", COMPARISONS)
def test_on_large_data_what_is_compared_trains_equally_long_and_shorter(experiment: Experiment) -> None:
    plans = image_plans(experiment, "mnist", 784, 1, 60_000)
    assert {plan.recipe.steps for plan in plans.values()} == {COMPARED_STEPS}
    (own,) = image_plans(Experiment.IMAGES, "mnist", 784, 1, 60_000).values()
    assert own.recipe.steps == LARGE_STEPS > COMPARED_STEPS


@pytest.mark.parametrize("experiment", COMPARISONS)
@pytest.mark.parametrize(("dataset", "pixels", "items"), [("digits", 784, 1297), ("digits", 64, 1297), ("own", 784, MANY - 1)])
def test_on_small_data_a_comparison_shares_the_standard_training(experiment: Experiment, dataset: str, pixels: int, items: int) -> None:
    (own,) = image_plans(Experiment.IMAGES, dataset, pixels, 1, items).values()
    assert image_plans(experiment, dataset, pixels, 1, items)["own"] == own


@pytest.mark.parametrize(("pixels", "beta"), [(64, 4.0), (784, 4.0), (4096, 4 * 4096 / 784), (3 * 64 * 64, 4 * 12288 / 784)])
def test_the_large_beta_grows_with_the_image_as_its_likelihood_does(pixels: int, beta: float) -> None:
    sweep = image_plans(Experiment.SWEEP, "digits", pixels, 1)
    assert {arm: plan.recipe.beta for arm, plan in sweep.items()} == {"small beta": 0.1, "own": 1.0, "large beta": pytest.approx(beta)}


def test_an_exercise_does_not_build_again_what_the_subject_is() -> None:
    dimensions = exercise_plans(Experiment.LATENT_DIMENSIONS, 784, 1, latent_dim=16)
    assert {name for name, plan in dimensions.items() if not plan.arguments} == {"latent_dim 16"}
    assert dimensions["latent_dim 16"] == exercise_plans(Experiment.EPOCHS, 784, 1)["10 epochs"]


def test_what_builds_a_model_decides_the_name_of_its_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = code_fingerprint.__wrapped__()
    read = Path.read_bytes
    for changed in ("arguments.py", "bind.py", "datasets.py", "implementation.py", "elbo.py", "time_limit.py", "trainer.py"):
        monkeypatch.setattr(Path, "read_bytes", lambda self, changed=changed: read(self) + (b"#" if self.name == changed else b""))
        assert code_fingerprint.__wrapped__() != plain
