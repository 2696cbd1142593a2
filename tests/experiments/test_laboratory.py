"""The laboratory: which runs an experiment has, what makes two runs the same, and that each is made once."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from binding_samples import Bound, Native, bound
from named import named_options, named_target

from vae_conformance.binding.bind import bind
from vae_conformance.data.datasets import DIGITS_TRAIN
from vae_conformance.errors import Unbound
from vae_conformance.experiments import make_run, plans
from vae_conformance.experiments.laboratory import Agenda, Laboratory, Lengths
from vae_conformance.experiments.make_run import Maker
from vae_conformance.experiments.plans import Plan, image_recipe
from vae_conformance.guard.time_limit import TimeLimitExceeded
from vae_conformance.target.spec import parse_target
from vae_spec.claim import Experiment
from vae_spec.evidence import Arm, Recipe, TrainedRun
from vae_spec.subject import SubjectFault

OPTIONS = named_options("student.py")


@pytest.fixture(autouse=True)
def _short_recipes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The laboratory's own recipes, cut to a few steps."""
    monkeypatch.setattr(plans, "image_recipe", lambda *given: replace(image_recipe(*given), steps=12))


@pytest.fixture
def makings(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Recipe]]:
    """The recipes of the runs that are made, in order."""
    made: list[Recipe] = []
    make = Maker.make

    def counted(self: Maker, stages: Sequence[Plan]) -> list[TrainedRun]:
        made.extend(plan.recipe for plan in stages)
        return make(self, stages)

    monkeypatch.setattr(Maker, "make", counted)
    yield made


def lab(subject: Bound, folder: Path, fingerprint: str = "abc", **options: Any) -> Laboratory:
    return Laboratory(subject, fingerprint, replace(OPTIONS, store=str(folder), **options), lambda text: None)


def test_runs_over_seeds_are_made_once_and_added_to(native: Bound, tmp_path: Path, makings: list[Recipe]) -> None:
    here = lab(native, tmp_path)
    three = here.runs(Experiment.IMAGES, 3)
    assert len(makings) == 3
    assert len({run.recipe.seed for run in three}) == 3
    five = here.runs(Experiment.IMAGES, 5)
    assert [run.recipe.seed for run in five[:3]] == [run.recipe.seed for run in three]
    assert len(makings) == 5
    there = lab(native, tmp_path).runs(Experiment.IMAGES, 5)
    assert len(makings) == 5
    assert all(np.array_equal(one.total, other.total) for one, other in zip(five, there, strict=True))


def test_the_keys_name_the_runs_that_are_given(native: Bound, tmp_path: Path) -> None:
    here = lab(native, tmp_path)
    groups, keys = here.groups(Experiment.CONTRAST, 2), here.keys(Experiment.CONTRAST, 2)
    assert [list(group) for group in groups] == [list(group) for group in keys]
    for group, named in zip(groups, keys, strict=True):
        for arm, key in named.items():
            found = here.store.get(key)
            assert found is not None
            assert found.recipe == group[arm].recipe


def test_what_a_run_holds(native: Bound, tmp_path: Path) -> None:
    (run,) = lab(native, tmp_path).runs(Experiment.IMAGES, 1)
    assert run.total.shape == (12,)
    assert (run.repeat_difference, run.repeat_steps) == (0.0, 12)
    assert run.held_out is not None
    assert run.held_out.items == 500
    assert run.stationarity is not None
    assert run.notes["scale known"] == 1.0
    assert run.observations is not None
    assert run.observations.pictures.samples.shape == (32, 8, 8)
    assert run.points is None
    assert run.diverged_at is None


def test_a_damaged_run_is_made_again(native: Bound, tmp_path: Path, makings: list[Recipe]) -> None:
    (first,) = lab(native, tmp_path).runs(Experiment.IMAGES, 1)
    (path,) = tmp_path.glob("*.run")
    path.write_bytes(path.read_bytes()[:-7])
    (again,) = lab(native, tmp_path).runs(Experiment.IMAGES, 1)
    assert len(makings) == 2
    assert np.array_equal(first.total, again.total)


def test_the_subject_is_as_it_was(native: Bound, tmp_path: Path) -> None:
    before, random_state = native.state(), torch.get_rng_state()
    lab(native, tmp_path).runs(Experiment.IMAGES, 1)
    assert all(torch.equal(value, before[name]) for name, value in native.state().items())
    assert torch.equal(torch.get_rng_state(), random_state)


# comparisons


def test_arms_share_their_seed_and_differ_in_one_thing(native: Bound, tmp_path: Path) -> None:
    laboratory = lab(native, tmp_path)
    for experiment, changes in {
        Experiment.CONTRAST: {Arm.OWN: {}, Arm.AUTOENCODER: {"beta": 0.0, "noise": False}},
        Experiment.SWEEP: {Arm.SMALL: {"beta": 0.1}, Arm.OWN: {}, Arm.LARGE: {"beta": 4.0}},
        Experiment.WITHOUT_KL: {Arm.OWN: {}, Arm.NO_KL: {"beta": 0.0}},
    }.items():
        for group in laboratory._plans(experiment, 2):
            own = group[Arm.OWN].recipe
            assert {arm: plan.recipe for arm, plan in group.items()} == {arm: replace(own, **change) for arm, change in changes.items()}


def test_an_arm_of_several_experiments_is_made_once(native: Bound, tmp_path: Path, makings: list[Recipe]) -> None:
    laboratory = lab(native, tmp_path)
    (contrast,) = laboratory.groups(Experiment.CONTRAST, 1)
    (sweep,) = laboratory.groups(Experiment.SWEEP, 1)
    (alone,) = laboratory.runs(Experiment.IMAGES, 1)
    assert len(makings) == 4
    assert contrast[Arm.OWN] is sweep[Arm.OWN] is alone


def test_paired_runs_begin_alike(native: Bound, tmp_path: Path) -> None:
    (group,) = lab(native, tmp_path).groups(Experiment.SWEEP, 1)
    first = [run.reconstruction[0] for run in group.values()]
    assert first[0] == first[1] == first[2]
    assert len({run.reconstruction[-1] for run in group.values()}) == 3


def test_a_picture_keeps_a_draw_of_each_code(native: Bound, tmp_path: Path) -> None:
    (group,) = lab(native, tmp_path).groups(Experiment.CONTRAST, 1)
    own, plain = (group[arm].observations for arm in (Arm.OWN, Arm.AUTOENCODER))
    assert own is not None
    assert plain is not None
    assert np.array_equal(plain.pictures.codes, plain.pictures.means)
    assert own.pictures.codes.shape == own.pictures.means.shape
    assert np.abs(own.pictures.codes - own.pictures.means).mean() > 0.01


def test_an_autoencoder_has_codes_without_noise(native: Bound, tmp_path: Path) -> None:
    (group,) = lab(native, tmp_path).groups(Experiment.CONTRAST, 1)
    own, contrast = group[Arm.OWN].observations, group[Arm.AUTOENCODER].observations
    assert own is not None
    assert contrast is not None
    assert contrast.codes.information == math.log(500)
    assert own.codes.information < math.log(500)
    assert group[Arm.AUTOENCODER].stationarity is None


def test_a_subject_that_does_not_take_other_arguments_is_said_so(native: Bound, tmp_path: Path) -> None:
    with pytest.raises(SubjectFault, match="does not take latent_dim"):
        lab(native, tmp_path).groups(Experiment.LATENT_DIMENSIONS, 1)


def test_other_latent_dimensions_are_built(tmp_path: Path) -> None:
    target = named_target("reference")
    options = replace(OPTIONS, target=parse_target("reference"), store=str(tmp_path))
    laboratory = Laboratory(bind(target, options), target.fingerprint(), options, lambda _text: None, target)
    (group,) = laboratory.groups(Experiment.LATENT_DIMENSIONS, 1)
    assert {name: len(run.held_out.kl_per_dim) for name, run in group.items() if run.held_out} == {
        "latent_dim 4": 4,
        "latent_dim 8": 8,
        "latent_dim 16": 16,
        "latent_dim 32": 32,
    }


# recipes


@pytest.mark.parametrize(("dataset", "pixels"), [("digits", 64), ("digits", 784), ("mnist", 784)])
def test_recipes_of_images(dataset: str, pixels: int) -> None:
    recipe = image_recipe(dataset, pixels, 5)
    assert (recipe.dataset, recipe.seed, recipe.beta, recipe.noise, recipe.single_stream) == (
        dataset,
        5,
        1.0,
        True,
        False,
    )
    assert recipe.steps >= 1000
    assert recipe.batch >= 64


def recipes(laboratory: Laboratory, experiment: Experiment) -> list[Recipe]:
    return [plan.recipe for group in laboratory._plans(experiment, 3) for plan in group.values()]


def test_the_lab_for_the_reference_is_the_documents(tmp_path: Path) -> None:
    laboratory = lab(bind(named_target("tiny"), named_options("tiny")), tmp_path)
    (printed,) = recipes(laboratory, Experiment.LAB_PRINTED)
    assert (printed.seed, printed.steps, printed.batch, printed.learning_rate, printed.samples) == (4, 200, 0, 0.02, 5)
    assert printed.beta == pytest.approx(0.05, rel=1e-4)
    assert printed.single_stream
    over_seeds = recipes(laboratory, Experiment.LAB)
    assert len({recipe.seed for recipe in over_seeds}) == 3
    assert {replace(recipe, seed=4) for recipe in over_seeds} == {printed}


def test_the_labs_figures_come_out(tmp_path: Path) -> None:
    from vae_reference import train_lab

    (run,) = lab(bind(named_target("tiny"), named_options("tiny")), tmp_path).runs(Experiment.LAB_PRINTED, 1)
    theirs = train_lab()
    unit = run.notes["loss scale"]
    np.testing.assert_allclose(run.reconstruction * unit, theirs.reconstruction, rtol=1e-4)
    np.testing.assert_allclose(run.kl * unit, theirs.kl, rtol=1e-3, atol=1e-6)
    assert run.samples is not None
    assert run.samples.shape == (5, 2)
    assert run.held_out is run.stationarity is run.observations is None
    assert run.points is not None


# what goes wrong


def test_a_run_that_fails_is_not_kept(tmp_path: Path) -> None:
    class Failing(Native):
        def forward(self, x: torch.Tensor) -> Any:
            if len(x) > 100:
                raise RuntimeError("out of patience")
            return super().forward(x)

    laboratory = lab(bound(Failing), tmp_path)
    with pytest.raises(SubjectFault, match="out of patience"):
        laboratory.runs(Experiment.IMAGES, 1)
    assert not list(tmp_path.glob("*.run"))
    ((plan,),) = [list(group.values()) for group in laboratory._plans(Experiment.IMAGES, 1)]
    with laboratory.store.lock(laboratory._key(plan)).acquire(timeout=0):
        pass


def test_a_training_that_takes_too_long_is_a_fault(tmp_path: Path) -> None:
    class Slow(Native):
        def forward(self, x: torch.Tensor) -> Any:
            if len(x) > 100:
                time.sleep(60)
            return super().forward(x)

    laboratory = lab(bound(Slow), tmp_path, training_time_limit=0.2)
    with pytest.raises(SubjectFault, match=r"did not return within 0\.2 s"):
        laboratory.runs(Experiment.IMAGES, 1)


def test_a_data_set_that_is_not_there_is_unbound(native: Bound, tmp_path: Path) -> None:
    with pytest.raises(Unbound, match="mnist does not lie under"):
        lab(native, tmp_path / "runs", dataset="mnist", data_root=str(tmp_path)).runs(Experiment.IMAGES, 1)
    with pytest.raises(Unbound, match="needs --data-root"):
        lab(native, tmp_path / "runs", dataset="fashion-mnist").runs(Experiment.IMAGES, 1)


def test_progress_names_the_seed(native: Bound, tmp_path: Path) -> None:
    said: list[str] = []
    laboratory = Laboratory(native, "abc", replace(OPTIONS, store=str(tmp_path)), said.append)
    (run,) = laboratory.runs(Experiment.IMAGES, 1)
    assert said == [f"seed {run.recipe.seed}: step 12 of 12 (0 s more)"]


def test_a_process_that_would_wait_makes_what_will_be_asked_for_next(native: Bound, tmp_path: Path, makings: list[Recipe]) -> None:
    options = replace(OPTIONS, store=str(tmp_path))
    laboratory = Laboratory(native, "abc", options, lambda _text: None, None, (Experiment.IMAGES, Experiment.CONTRAST))
    ((own,),) = [list(group.values()) for group in laboratory._plans(Experiment.IMAGES, 1)]
    there = lab(native, tmp_path)
    taken = there.store.lock(there._key(own))
    made = threading.Event()
    ahead = laboratory._obtain

    def obtain(key: str, plan: Plan, patience: float, lengths: Lengths) -> bool:
        found = ahead(key, plan, patience, lengths)
        if patience == 0.0 and found and plan != own:
            made.set()
        return found

    laboratory._obtain = obtain  # type: ignore[method-assign]

    def elsewhere() -> None:
        with taken.acquire():
            begun.set()
            made.wait(60)
            there.store.put(there._key(own), run_of(own))

    def run_of(plan: Plan) -> TrainedRun:
        return TrainedRun(plan.recipe, np.ones(12), np.ones(12), np.ones(12), np.ones(12))

    begun = threading.Event()
    other = threading.Thread(target=elsewhere)
    other.start()
    begun.wait(60)
    (run,) = laboratory.runs(Experiment.IMAGES, 1)
    other.join()
    assert np.array_equal(run.total, np.ones(12))
    assert [recipe.noise for recipe in makings] == [False]


def test_the_agenda_counts_what_is_stored_of_what_is_needed(native: Bound, tmp_path: Path) -> None:
    laboratory = Laboratory(native, "abc", replace(OPTIONS, store=str(tmp_path)), lambda _text: None)
    agenda = Agenda(laboratory, [(Experiment.IMAGES, 1), (Experiment.CONTRAST, 1)])
    assert agenda.progress == (0, 0)
    work = agenda.work()
    assert work is not None
    assert (work.trainings, work.items, work.data) == (2, DIGITS_TRAIN, "digits")
    assert work.seconds > 0
    agenda.look(Experiment.IMAGES, 1)
    assert agenda.progress == (0, 2), "both look at the subject's own training, and one at its autoencoder's too"
    laboratory.runs(Experiment.IMAGES, 1)
    assert agenda.progress == (1, 2)
    assert laboratory.work([(Experiment.CONTRAST, 1)]).trainings == 1
    assert laboratory.work([(Experiment.IMAGES, 1)]) is None
    agenda.look(Experiment.IMAGES, 2)
    assert agenda.progress == (1, 3)


def test_trainings_that_cannot_be_planned_are_not_announced(native: Bound, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_given: object) -> list[dict[str, Plan]]:
        raise SubjectFault("loss", "raises")

    monkeypatch.setattr(Laboratory, "_plans", fails)
    assert Agenda(lab(native, tmp_path), [(Experiment.IMAGES, 1)]).work() is None


def test_an_estimate_takes_its_time_from_the_slowest_steps_that_it_can_wait_for(
    native: Bound, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    laboratory = lab(native, tmp_path)
    plan = Plan(Recipe("digits", steps=1000, batch=64, learning_rate=1e-3))
    steps: list[int] = []

    for times, expected, made in (([0.0, 0.2, 0.3, 0.7], 1000 * 0.02, [2, 20]), ([0.0, 4.0], 1000 * 2.0, [2])):
        steps.clear()
        monkeypatch.setattr(make_run, "time", SimpleNamespace(monotonic=iter(times).__next__))
        monkeypatch.setattr(make_run, "train", lambda _subject, recipe, _items: steps.append(recipe.steps))
        assert laboratory.maker.seconds(plan) == pytest.approx(make_run.OBSERVING * expected)
        assert steps == made


@pytest.mark.parametrize("fault", [SubjectFault("training", "raises"), TimeLimitExceeded("the first steps", 1.0)])
def test_steps_that_fail_give_no_estimate(fault: BaseException, native: Bound, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_given: object) -> None:
        raise fault

    monkeypatch.setattr(make_run, "train", fails)
    assert lab(native, tmp_path).maker.seconds(Plan(Recipe("digits", steps=1000, batch=64, learning_rate=1e-3))) == 0.0
