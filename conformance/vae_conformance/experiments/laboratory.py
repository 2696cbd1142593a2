"""The laboratory: provides the runs that a claim needs, trains those missing from the store, and shares the work between processes."""

from __future__ import annotations

import contextlib
import functools
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from filelock import Timeout

import vae_spec
from vae_conformance.binding.bound_subject import InProcessSubject
from vae_conformance.config.options import RunOptions
from vae_conformance.data.datasets import data_for
from vae_conformance.experiments.make_run import Maker, Say, dataset
from vae_conformance.experiments.plans import ARMS, LAB_ITEMS, Plan, exercise_plans, image_plans, lab_plans, recipe_of_weights
from vae_conformance.experiments.store import Store, content_key, default_folder
from vae_conformance.target.target import Target
from vae_spec.claim import Experiment
from vae_spec.context import derive_seed
from vae_spec.elbo import kl_weight
from vae_spec.evidence import Arm, Group, TrainedRun
from vae_spec.subject import SubjectFault

NO_WAIT, WAIT = 0.0, -1.0
"""`filelock` timeouts for the lock of a run that another process may be making: return at once, or wait without limit."""
LAB_UNIT = 0.5
"""A weight of 1 in the lab multiplies means over two dimensions: half the squared error is the likelihood, half the KL the divergence."""
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
        "mistakes",
        "outcomes.py",
        "registry.py",
        "seeds.py",
        "strategies.py",
    }
)
"""Parts of the specification that only read evidence: changing them does not invalidate trained runs."""
_DECIDING = ("binding", "data", "experiments", "guard", "target")
"""The packages that decide which model is built, how it is called, and what it is trained on."""


@dataclass(frozen=True)
class Work:
    """Trainings that have to be made.

    Attributes:
        trainings: their number.
        items: the number of items that each is trained on.
        data: what these items are, in the plural.
        seconds: an estimate of the time of all of them, one after the other; 0 if unknown.
    """

    trainings: int
    items: int
    data: str
    seconds: float


Lengths = Mapping[str, dict[str, Plan]]
"""By run key: all runs of one training that differ only in length, by their keys, the longest last."""


@functools.cache
def code_fingerprint() -> str:
    """Return the SHA-256 of the source code that determines a trained run, so that runs made by other code are not reused."""
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
        subject: the subject to train.
        fingerprint: hash of the implementation's source code.
        options: options of the run.
        say: called from time to time with one line of progress.
        target: the subject's target, for plans that build it with other arguments.
        upcoming: experiments needed later; their runs are made while another process makes the runs needed now.
    """

    def __init__(
        self,
        subject: InProcessSubject,
        fingerprint: str,
        options: RunOptions,
        say: Say,
        target: Target | None = None,
        upcoming: Sequence[Experiment] = (),
    ) -> None:
        self.subject = subject
        self.fingerprint = fingerprint
        self.options = options
        self.upcoming = tuple(upcoming)
        self.store = Store(options.store_path or default_folder())
        self.maker = Maker(subject, options, say, target, self.store)
        self._kept: dict[str, TrainedRun] = {}

    def groups(self, experiment: Experiment, count: int) -> list[Group]:
        """Return the first `count` groups of paired runs of an experiment, one group per seed.

        The lab's printed run and given weights have a single group.

        Raises:
            SubjectFault: the implementation's code failed in training.
            Unbound: the data set cannot be loaded.
        """
        plans = self._plans(experiment, count)
        wanted = self._keyed(plans)
        lengths = self._lengths(plans, count)
        # The first process to find a run neither stored nor locked makes it.
        waiting = {key: plan for key, plan in wanted.items() if not self._obtain(key, plan, NO_WAIT, lengths)}
        if waiting:
            self._make_upcoming(count, lengths)
        for key, plan in waiting.items():
            self._obtain(key, plan, WAIT, lengths)
        return [{arm: self._kept[self._key(plan)] for arm, plan in group.items()} for group in plans]

    def keys(self, experiment: Experiment, count: int) -> list[dict[str, str]]:
        """Return the store keys of the runs that `groups` returns, by arm."""
        return [{arm: self._key(plan) for arm, plan in group.items()} for group in self._plans(experiment, count)]

    def made(self, key: str) -> bool:
        """Return whether the store has the run with this key."""
        return key in self._kept or self.store.has(key)

    def work(self, looks: Iterable[tuple[Experiment, int]]) -> Work | None:
        """Return the trainings of looks, experiments with numbers of seeds, that are not stored; None if there are none.

        The time is estimated from that of the first one. The size of the data is also its own.
        """
        wanted = self._keyed([group for experiment, count in looks for group in self._plans(experiment, count)])
        missing = [plan for key, plan in wanted.items() if not self.made(key)]
        own = next((plan for plan in missing if plan.system is None and not plan.arguments), None)
        if own is None or not own.recipe.steps:
            return None
        share = sum(plan.recipe.steps for plan in missing) / own.recipe.steps
        if own.recipe.single_stream:
            items, data = LAB_ITEMS, "points"
        else:
            name = own.recipe.dataset
            items, data = len(dataset(name, self.options).train), {"digits": name, "rows": name, "waves": "series"}.get(name, "images")
        return Work(len(missing), items, data, share * self.maker.seconds(own))

    def _keyed(self, plans: Sequence[Mapping[str, Plan]]) -> dict[str, Plan]:
        return {self._key(plan): plan for group in plans for plan in group.values()}

    def _lengths(self, plans: Sequence[Mapping[str, Plan]], count: int) -> Lengths:
        """Find the trainings, needed now or later, that differ only in length; each group is sorted by length, shortest first."""
        groups = [*plans, *(group for experiment in self.upcoming for group in self._plans(experiment, count))]
        found: dict[str, dict[str, Plan]] = {}
        for key, plan in self._keyed(groups).items():
            if plan.system is None and not plan.recipe.single_stream:
                found.setdefault(self._key(_beginning(plan)), {})[key] = plan
        alike = [sorted(plans.items(), key=lambda one: one[1].recipe.steps) for plans in found.values() if len(plans) > 1]
        return {key: stages for stages in map(dict, alike) for key in stages}

    def _make_upcoming(self, count: int, lengths: Lengths) -> None:
        """Make one run that is needed later, instead of waiting for a run that another process makes."""
        for experiment in self.upcoming:
            for key, plan in self._keyed(self._plans(experiment, count)).items():
                if key in self._kept or self.store.get(key) is not None:
                    continue
                # A fault here is reported by the claim that needs this run.
                with contextlib.suppress(SubjectFault):
                    if not self._obtain(key, plan, NO_WAIT, lengths):
                        continue
                return

    def runs(self, experiment: Experiment, count: int) -> list[TrainedRun]:
        """Return the runs of an experiment that has a single arm."""
        return [run for group in self.groups(experiment, count) for run in group.values()]

    def _obtain(self, key: str, plan: Plan, patience: float, lengths: Lengths) -> bool:
        """Load a run, or make it with those of other lengths; return False if another process is making it."""
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
        """Make a run and, in the same training, those of other lengths that are not stored."""
        missing = {name: plan for name, plan in stages.items() if name == key or not self.store.has(name)}
        try:
            made = self.maker.make(list(missing.values()))
        except SubjectFault:
            if len(missing) == 1:
                raise
            # The fault may occur after the end of the requested training.
            missing = {key: stages[key]}
            made = self.maker.make(list(missing.values()))
        runs = dict(zip(missing, made, strict=True))
        for name, run in runs.items():
            self.store.put(name, run)
        return runs[key]

    def _plans(self, experiment: Experiment, count: int) -> list[dict[str, Plan]]:
        if self.subject.facts.given_weights:
            return [{str(Arm.OWN): Plan(recipe_of_weights(data_for(self.subject.facts, self.options)))}]
        seeds = [derive_seed(self.options.seed, "training", index) % 2**31 for index in range(count)]
        if experiment is Experiment.LAB_PRINTED:
            seeds = seeds[:1]
        if experiment in LAB:
            unit = self._lab_unit()
            return [lab_plans(experiment, seed, unit) for seed in seeds]
        pixels = self.subject.facts.pixels
        if experiment in ARMS:
            data = data_for(self.subject.facts, self.options)
            items = len(dataset(data, self.options).train)
            return [image_plans(experiment, data, pixels, seed, items) for seed in seeds]
        return [exercise_plans(experiment, pixels, seed, self.subject.facts.latent_dim) for seed in seeds]

    def _lab_unit(self) -> float:
        """Return the factor on the subject's own KL term that corresponds to a weight of 1 in the lab."""
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
                "range": (*facts.input_range, facts.counts),
                "likelihood": facts.likelihood,
                "weight": facts.effective_beta,
                "declared": (options.loss, options.objective, options.decoder, options.second_head, options.input_range),
                "device": options.device,
                "data": "" if recipe.single_stream else dataset(recipe.dataset, options).fingerprint,
                "torch": torch.__version__,
                "numpy": np.__version__,
                "threads": torch.get_num_threads(),
            }
        )


def _beginning(plan: Plan) -> Plan:
    """Return what trainings that differ only in length have in common."""
    return replace(plan, recipe=replace(plan.recipe, steps=0), thorough=False)


class Agenda:
    """The known trainings of a run.

    `expected` are the experiments that its claims will need, each with the number of seeds of the first look.
    """

    def __init__(self, laboratory: Laboratory, expected: Iterable[tuple[Experiment, int]]) -> None:
        self._laboratory = laboratory
        self._expected = tuple(expected)
        self._keys: set[str] = set()

    def look(self, experiment: Experiment, count: int) -> None:
        """Add the trainings of a claim's look at this many seeds; later looks at more seeds are not known in advance."""
        for wanted, seeds in {*self._expected, (experiment, count)}:
            self._keys.update(key for group in self._laboratory.keys(wanted, seeds) for key in group.values())
        self._expected = ()

    def work(self) -> Work | None:
        """Return the expected trainings that are still to be made before the first look; None if there are none, or they cannot be."""
        try:
            return self._laboratory.work(self._expected)
        except SubjectFault:  # reported by the claim that needs them
            return None

    @property
    def progress(self) -> tuple[int, int]:
        """The number of trainings done, by any process or earlier run, and of those known to be needed."""
        return sum(map(self._laboratory.made, self._keys)), len(self._keys)
