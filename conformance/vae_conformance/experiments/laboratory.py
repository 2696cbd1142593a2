"""The laboratory: gives the runs that a claim asks for, training what the store does not have, and sharing the work between processes."""

from __future__ import annotations

import contextlib
import functools
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch
from filelock import Timeout

import vae_spec
from vae_conformance.binding.inprocess import InProcessSubject
from vae_conformance.config.options import RunOptions
from vae_conformance.experiments.make_run import Maker, Say, dataset
from vae_conformance.experiments.plans import ARMS, Plan, exercise_plans, image_plans, lab_plans, recipe_of_weights
from vae_conformance.experiments.store import Store, content_key, default_folder
from vae_conformance.target.target import Target
from vae_spec.claim import Experiment
from vae_spec.elbo import kl_weight
from vae_spec.evidence import Arm, Group, TrainedRun
from vae_spec.subject import SubjectFault
from vae_spec.trial import derive_seed

AT_ONCE, PATIENTLY = 0.0, -1.0
"""How long to wait for the lock of a run that another process makes, as `filelock` counts."""
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
_DECIDING = ("binding", "data", "experiments", "guard", "target")
"""The rooms that decide which model is built, how it is called, and what it is trained on."""

Lengths = Mapping[str, dict[str, Plan]]
"""For a run that is the beginning of others, or they of it, all of them by their names, the longest last."""


@functools.cache
def code_fingerprint() -> str:
    """SHA-256 over the sources that decide what a trained run is: evidence made by other code is other evidence."""
    digest = hashlib.sha256()
    conformance = Path(__file__).parent.parent
    folders = (*(conformance / room for room in _DECIDING), Path(str(vae_spec.__file__)).parent)
    files = [path for folder in folders for path in sorted(folder.rglob("*.py")) if not _JUDGING & set(path.parts)]
    for path in (*files, conformance / "implementation.py"):
        digest.update(path.read_bytes())
    return digest.hexdigest()


class Laboratory:
    """Trained runs of one subject.

    Args:
        subject: what is trained.
        fingerprint: of the implementation's sources.
        options: of the run.
        say: called with one line of progress now and then.
        target: where the subject came from, for plans that build it with other arguments.
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
        self.ahead = tuple(ahead)
        self.store = Store(options.store_path or default_folder())
        self.maker = Maker(subject, options, say, target, self.store)
        self._kept: dict[str, TrainedRun] = {}

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
            made = self.maker.make(list(missing.values()))
        except SubjectFault:
            if len(missing) == 1:
                raise
            # What is wrong may come after the end of the training that is asked for.
            missing = {key: stages[key]}
            made = self.maker.make(list(missing.values()))
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
            items = len(dataset(self.options.images, self.options).train)
            return [image_plans(experiment, self.options.images, pixels, seed, items) for seed in seeds]
        return [exercise_plans(experiment, pixels, seed, self.subject.facts.latent_dim) for seed in seeds]

    def _lab_unit(self) -> float:
        """The factor on the subject's own KL term that is a weight of 1 in the lab's terms."""
        scale = self.maker.scale(self.subject, 4)
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
                "declared": (options.loss, options.objective, options.decoder, options.second_head),
                "device": options.device,
                "data": "" if recipe.single_stream else dataset(recipe.dataset, options).fingerprint,
                "torch": torch.__version__,
                "numpy": np.__version__,
                "threads": torch.get_num_threads(),
            }
        )


def _beginning(plan: Plan) -> Plan:
    """What trainings have in common that begin alike and differ in their length alone."""
    return replace(plan, recipe=replace(plan.recipe, steps=0), thorough=False)
