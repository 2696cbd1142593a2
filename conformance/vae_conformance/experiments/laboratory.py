"""The laboratory: gives the runs that a claim asks for, training what the store does not have, and sharing the work between processes."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from filelock import Timeout

import vae_spec
from vae_conformance import data as datasets
from vae_conformance.binding.bind import bind
from vae_conformance.binding.inprocess import InProcessSubject
from vae_conformance.data import image_shape
from vae_conformance.experiments.features import feature_space
from vae_conformance.experiments.look import RunawayError, Surroundings, look, surroundings
from vae_conformance.experiments.observe import REPORTED_ITEMS, STATIONARITY_ITEMS, held_out, loss_scale, stationarity
from vae_conformance.experiments.plans import ARMS, Plan, exercise_plans, image_plans, lab_plans, recipe_of_weights
from vae_conformance.experiments.points import look_at_points
from vae_conformance.experiments.store import Store, content_key, default_folder
from vae_conformance.experiments.systems import run_system
from vae_conformance.experiments.trainer import train, train_in_stages
from vae_conformance.options import RunOptions
from vae_conformance.targets import Target
from vae_conformance.time_limit import time_limit
from vae_spec.claim import Experiment
from vae_spec.elbo import kl_weight
from vae_spec.evidence import Arm, Group, TrainedRun, Training
from vae_spec.sights import Sights
from vae_spec.subject import SubjectFault
from vae_spec.trial import derive_seed

AT_ONCE, PATIENTLY = 0.0, -1.0
"""How long to wait for the lock of a run that another process makes, as `filelock` counts."""
REPEATED_STEPS = 40
"""How many first steps a second training under the same seed repeats."""
LAB_UNIT = 0.5
"""A weight of 1 in the lab multiplies means over two dimensions: half the squared error is its likelihood, half the KL its divergence."""
LAB = frozenset({Experiment.LAB, Experiment.LAB_PRINTED, Experiment.LAB_WEIGHTS, Experiment.LAB_TANH})
"""The experiments of the 2-D lab."""
_JUDGING = frozenset(
    {
        "claims",
        "areas.py",
        "calibration.py",
        "claim.py",
        "comparisons.py",
        "diagnosis.py",
        "documents.py",
        "exploration.py",
        "functionals.py",
        "judging.py",
        "mistakes.py",
        "outcomes.py",
        "registry.py",
        "seeds.py",
        "strategies.py",
    }
)
"""Parts of the specification that only look at evidence: a change of theirs leaves trained runs as they are."""
_BESIDE = ("classes.py", "construct.py", "data.py", "implementation.py", "ingredients.py", "own_data.py", "pair.py", "weights.py")
"""What decides, beside experiments and binding, which model is built and which data it is trained on."""

Say = Callable[[str], None]
Lengths = Mapping[str, dict[str, Plan]]
"""For a run that is the beginning of others, or they of it, all of them by their names, the longest last."""


@functools.cache
def code_fingerprint() -> str:
    """SHA-256 over the sources that decide what a trained run is: evidence made by other code is other evidence."""
    digest = hashlib.sha256()
    conformance = Path(__file__).parent.parent
    folders = (conformance / "experiments", conformance / "binding", Path(str(vae_spec.__file__)).parent)
    files = [path for folder in folders for path in sorted(folder.rglob("*.py")) if not _JUDGING & set(path.parts)]
    for path in (*files, *(conformance / name for name in _BESIDE)):
        digest.update(path.read_bytes())
    return digest.hexdigest()


class Laboratory:
    """Trained runs of one subject.

    Args:
        subject: what is trained.
        fingerprint: of the implementation's sources.
        options: of the run.
        say: called with one line of progress now and then.
        target: where the subject came from, for experiments that build it with other arguments.
        ahead: the experiments that will be asked for: while another process makes what is wanted now, runs of these are made.
    """

    def __init__(
        self,
        subject: InProcessSubject,
        fingerprint: str,
        options: RunOptions,
        say: Say,
        target: Target | None = None,
        ahead: Sequence[Experiment] = (),
    ) -> None:
        self.subject = subject
        self.fingerprint = fingerprint
        self.options = options
        self.say = say
        self.target = target
        self.ahead = tuple(ahead)
        self.store = Store(options.store_path or default_folder())
        self._kept: dict[str, TrainedRun] = {}
        self._seen: dict[tuple[object, ...], Surroundings] = {}
        self._scales: dict[int, float | None] = {}

    def groups(self, experiment: Experiment, count: int) -> list[Group]:
        """The first `count` groups of paired runs of an experiment, one a seed; one alone for the lab's printed run, and of given weights.

        Raises:
            SubjectFault: the implementation's code failed in training.
            Unbound: the data set is not to be had.
        """
        plans = self._plans(experiment, count)
        wanted = self._keyed(plans)
        lengths = self._lengths(plans, count)
        # Whoever finds a run neither stored nor in the making makes it.
        waiting = {key: plan for key, plan in wanted.items() if not self._obtain(key, plan, AT_ONCE, lengths)}
        if waiting:
            self._work_ahead(count, lengths)
        for key, plan in waiting.items():
            self._obtain(key, plan, PATIENTLY, lengths)
        return [{arm: self._kept[self._key(plan)] for arm, plan in group.items()} for group in plans]

    def keys(self, experiment: Experiment, count: int) -> list[dict[str, str]]:
        """The names in the store of the runs that `groups` gives, by arm."""
        return [{arm: self._key(plan) for arm, plan in group.items()} for group in self._plans(experiment, count)]

    def made(self, key: str) -> bool:
        """Whether the run of that name lies in the store."""
        return key in self._kept or self.store.has(key)

    def _keyed(self, plans: Sequence[Mapping[str, Plan]]) -> dict[str, Plan]:
        return {self._key(plan): plan for group in plans for plan in group.values()}

    def _lengths(self, plans: Sequence[Mapping[str, Plan]], count: int) -> Lengths:
        """Which of the trainings that are wanted now or will be begin alike and differ in their length alone, shortest first."""
        groups = [*plans, *(group for experiment in self.ahead for group in self._plans(experiment, count))]
        found: dict[str, dict[str, Plan]] = {}
        for key, plan in self._keyed(groups).items():
            if plan.system is None and not plan.recipe.single_stream:
                found.setdefault(self._key(_beginning(plan)), {})[key] = plan
        alike = [sorted(plans.items(), key=lambda one: one[1].recipe.steps) for plans in found.values() if len(plans) > 1]
        return {key: stages for stages in map(dict, alike) for key in stages}

    def _work_ahead(self, count: int, lengths: Lengths) -> None:
        """Make one run that will be asked for, in place of waiting for one that another process makes."""
        for experiment in self.ahead:
            for key, plan in self._keyed(self._plans(experiment, count)).items():
                if key in self._kept or self.store.get(key) is not None:
                    continue
                # A fault here is for the claim that asks for this run.
                with contextlib.suppress(SubjectFault):
                    if not self._obtain(key, plan, AT_ONCE, lengths):
                        continue
                return

    def runs(self, experiment: Experiment, count: int) -> list[TrainedRun]:
        """The runs of an experiment that compares nothing."""
        return [run for group in self.groups(experiment, count) for run in group.values()]

    def _obtain(self, key: str, plan: Plan, patience: float, lengths: Lengths) -> bool:
        """Keep a run, made if need be, and with it those of other lengths; False where somebody else is making it."""
        if key in self._kept:
            return True
        found = self.store.get(key)
        if found is None:
            stages = lengths.get(key, {key: plan})
            try:
                with self.store.lock(next(reversed(stages))).acquire(timeout=patience):
                    found = self.store.get(key) or self._make_and_keep(key, stages)
            except Timeout:
                return False
        self._kept[key] = found
        return True

    def _make_and_keep(self, key: str, stages: Mapping[str, Plan]) -> TrainedRun:
        """Make a run, and on the way those of the other lengths that are not stored."""
        missing = {name: plan for name, plan in stages.items() if name == key or not self.store.has(name)}
        try:
            made = self._make(list(missing.values()))
        except SubjectFault:
            if len(missing) == 1:
                raise
            # What is wrong may come after the end of the training that is asked for.
            missing = {key: stages[key]}
            made = self._make(list(missing.values()))
        runs = dict(zip(missing, made, strict=True))
        for name, run in runs.items():
            self.store.put(name, run)
        return runs[key]

    def _plans(self, experiment: Experiment, count: int) -> list[dict[str, Plan]]:
        if self.subject.facts.given_weights:
            return [{str(Arm.OWN): Plan(recipe_of_weights(self.options.images))}]
        seeds = [derive_seed(self.options.seed, "training", index) % 2**31 for index in range(count)]
        if experiment is Experiment.LAB_PRINTED:
            seeds = seeds[:1]
        if experiment in LAB:
            unit = self._lab_unit()
            return [lab_plans(experiment, seed, unit) for seed in seeds]
        pixels = self.subject.facts.pixels
        if experiment in ARMS:
            items = len(_dataset(self.options.images, self.options).train)
            return [image_plans(experiment, self.options.images, pixels, seed, items) for seed in seeds]
        return [exercise_plans(experiment, pixels, seed, self.subject.facts.latent_dim) for seed in seeds]

    def _lab_unit(self) -> float:
        """The factor on the subject's own KL term that is a weight of 1 in the lab's terms."""
        scale = self._scale(self.subject, 4)
        if scale is None:
            return 1.0
        weight = abs(kl_weight(self.subject, batch=4))
        return LAB_UNIT * scale / weight if weight > 0 else 1.0

    def _key(self, plan: Plan) -> str:
        facts, options = self.subject.facts, self.options
        recipe = plan.recipe
        return content_key(
            {
                "implementation": self.fingerprint,
                "code": code_fingerprint(),
                "plan": {"recipe": asdict(recipe), "arguments": dict(plan.arguments), "system": plan.system, "thorough": plan.thorough},
                "shape": facts.input_shape,
                "range": facts.input_range,
                "likelihood": facts.likelihood,
                "weight": facts.effective_beta,
                "device": options.device,
                "data": "" if recipe.single_stream else _dataset(recipe.dataset, options).fingerprint,
                "torch": torch.__version__,
                "numpy": np.__version__,
                "threads": torch.get_num_threads(),
            }
        )

    def _make(self, stages: Sequence[Plan]) -> list[TrainedRun]:
        """Train by a plan, or by several that differ in their length alone, shortest first, and look at what came of it."""
        plan = stages[-1]
        if plan.system is not None:
            return [run_system(plan.system, plan.recipe, self._around(self.subject, plan), self._progress(plan))]
        if self.subject.facts.given_weights:
            return [self._observe_as_it_is(plan)]
        subject = self._built(plan)
        return [self._observe_points(subject, plan)] if plan.recipe.single_stream else self._observe_images(subject, stages)

    def _built(self, plan: Plan) -> InProcessSubject:
        """The subject, or the same implementation built with other arguments.

        Raises:
            SubjectFault: it cannot be built with them.
        """
        if not plan.arguments:
            return self.subject
        if self.target is None or self.target.rebuild is None:
            names = ", ".join(plan.arguments)
            raise SubjectFault("construction", f"does not take {names}")
        return bind(replace(self.target, make=partial(self.target.rebuild, dict(plan.arguments))), self.options)

    def _progress(self, plan: Plan) -> Callable[[int, int], None]:
        name, started = _label(plan), time.monotonic()

        def progress(step: int, steps: int) -> None:
            left = (time.monotonic() - started) * (steps - step) / max(step, 1)
            self.say(f"{name}: step {step} of {steps} ({left:.0f} s more)")

        return progress

    def _around(self, subject: InProcessSubject, plan: Plan) -> Surroundings:
        data = _dataset(plan.recipe.dataset, self.options)
        shape = subject.facts.input_shape if plan.system is None or plan.system[0] != "collapse" else (1, *data.train.shape[2:])
        key = (plan.recipe.dataset, shape, subject.facts.input_range)
        if key not in self._seen:
            space = feature_space(data, image_shape(shape)[1:], self.store)
            self._seen[key] = surroundings(data, space, replace(subject.facts, input_shape=shape))
        return self._seen[key]

    def _scale(self, subject: InProcessSubject, batch: int) -> float | None:
        """The scale of a subject's loss in its untrained state; for the bound subject, whose state is the same every time, found once."""
        if subject is not self.subject:
            return loss_scale(subject, batch)
        if batch not in self._scales:
            self._scales[batch] = loss_scale(subject, batch)
        return self._scales[batch]

    def _train(self, subject: InProcessSubject, stages: Sequence[Plan], items: torch.Tensor) -> list[tuple[Training, TrainedRun]]:
        """The training at the end of each stage, and what its curves say."""
        recipe = stages[-1].recipe
        with time_limit(self.options.training_time_limit, f"one training ({recipe.steps} steps)"):
            trainings = train_in_stages(subject, recipe, [stage.recipe.steps for stage in stages], items, self._progress(stages[-1]))
        batch = min(recipe.batch, len(items)) if recipe.batch else 256
        scale = self._scale(subject, batch)
        return [(training, self._curves(subject, stage, training, items, scale)) for stage, training in zip(stages, trainings, strict=True)]

    def _curves(self, subject: InProcessSubject, plan: Plan, training: Training, items: torch.Tensor, scale: float | None) -> TrainedRun:
        repeat = _repeat(subject, plan, items, training) if plan.thorough else (None, 0)
        unit = scale if scale is not None else 1.0
        return TrainedRun(
            plan.recipe,
            training.total / unit,
            training.reconstruction / unit,
            training.kl / unit,
            training.analytic_kl,
            training.diverged_at,
            repeat_difference=repeat[0],
            repeat_steps=repeat[1],
            samples=training.samples,
            notes={"loss scale": unit, "scale known": float(scale is not None)},
        )

    def _observe_images(self, subject: InProcessSubject, stages: Sequence[Plan]) -> list[TrainedRun]:
        around = self._around(subject, stages[-1])
        trained = self._train(subject, stages, around.train)
        return [self._observe_trained(subject, plan, around, *found) for plan, found in zip(stages, trained, strict=True)]

    def _observe_trained(
        self, subject: InProcessSubject, plan: Plan, around: Surroundings, training: Training, run: TrainedRun
    ) -> TrainedRun:
        if training.diverged_at is not None:
            return run
        reported_scale = self._scale(subject, min(REPORTED_ITEMS, len(around.test)))
        stationarity_scale = self._scale(subject, min(STATIONARITY_ITEMS, len(around.train))) if plan.thorough else None
        before = subject.state()
        subject.load(training.state)
        try:
            return replace(
                run,
                held_out=held_out(subject, around.train, around.test, reported_scale),
                stationarity=stationarity(subject, around.train, stationarity_scale) if plan.thorough else None,
                sights=_sights(subject, around, plan),
            )
        finally:
            subject.load(before)

    def _observe_as_it_is(self, plan: Plan) -> TrainedRun:
        """What a model with given weights does on held-out items: a run without curves."""
        around = self._around(self.subject, plan)
        scale = self._scale(self.subject, min(REPORTED_ITEMS, len(around.test)))
        nothing = np.zeros(0)
        return TrainedRun(
            plan.recipe,
            nothing,
            nothing,
            nothing,
            nothing,
            held_out=held_out(self.subject, around.train, around.test, scale),
            sights=_sights(self.subject, around, plan),
        )

    def _observe_points(self, subject: InProcessSubject, plan: Plan) -> TrainedRun:
        ((training, run),) = self._train(subject, [plan], torch.zeros(0))
        if training.diverged_at is not None:
            return run
        before = subject.state()
        subject.load(training.state)
        try:
            return replace(run, points=look_at_points(subject, plan.recipe.seed))
        finally:
            subject.load(before)


def _sights(subject: InProcessSubject, around: Surroundings, plan: Plan) -> Sights | None:
    """What is seen of a trained subject; None where its codes ran away, which the curves and the KL tell."""
    try:
        return look(subject, around, noise=plan.recipe.noise)
    except RunawayError:
        return None


def _beginning(plan: Plan) -> Plan:
    """What trainings have in common that begin alike and differ in their length alone."""
    return replace(plan, recipe=replace(plan.recipe, steps=0), thorough=False)


def _label(plan: Plan) -> str:
    """What is trained, in a few words."""
    recipe = plan.recipe
    parts = [f"seed {recipe.seed}"]
    if plan.system is not None:
        parts += [part for part in plan.system if part]
    parts += [f"{name} {getattr(value, '__name__', value)}" for name, value in plan.arguments.items()]
    if not recipe.noise:
        parts.append("as an autoencoder")
    elif recipe.beta != 1 and not recipe.single_stream:
        parts.append(f"beta {recipe.beta:g}")
    return ", ".join(parts)


def _repeat(subject: InProcessSubject, plan: Plan, items: torch.Tensor, training: Training) -> tuple[float | None, int]:
    """The largest relative difference of the first steps when the training is begun once more."""
    steps = min(REPEATED_STEPS, plan.recipe.steps)
    again = train(subject, replace(plan.recipe, steps=steps, samples=0), items)
    there, here = again.total, training.total[: len(again.total)]
    if len(there) != len(here) or not len(here):
        return None, 0
    return float(np.abs(there - here).max() / np.abs(here).max()), len(here)


def _dataset(name: str, options: RunOptions) -> datasets.Dataset:
    return _loaded(name, options.data_root, options.data)


@functools.cache
def _loaded(name: str, root: str | None, data: str | None) -> datasets.Dataset:
    return datasets.load(name, root, data)
