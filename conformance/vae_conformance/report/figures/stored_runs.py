"""The trained runs that claims were given, read from the store for reports; nothing is measured or trained here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from vae_conformance.experiments.store import Store, default_folder
from vae_conformance.runner.events import Trained
from vae_spec.calibration import DATASETS
from vae_spec.claim import Experiment
from vae_spec.evidence import Arm, Group, TrainedRun
from vae_spec.subject import InputKind


@dataclass(frozen=True)
class Evidence:
    """The trained runs that could be read.

    Attributes:
        claims: the groups that each claim was given, one per seed, without groups that miss a run.
        experiments: by experiment, the groups of the claim that was given the most.
        lost: how many runs are missing from the store, or damaged.
    """

    claims: Mapping[str, Sequence[Group]] = field(default_factory=dict)
    experiments: Mapping[str, Sequence[Group]] = field(default_factory=dict)
    lost: int = 0

    @property
    def kind(self) -> InputKind:
        """What the items are that the runs were trained on."""
        kinds = {name: kind for kind, name in DATASETS.items()}
        runs = (run for groups in self.experiments.values() for group in groups for run in group.values())
        return next((kinds.get(run.recipe.dataset, InputKind.IMAGE) for run in runs), InputKind.IMAGE)

    def groups(self, experiment: Experiment) -> Sequence[Group]:
        """Return the groups of an experiment, or an empty sequence if no claim was given any."""
        return self.experiments.get(str(experiment), ())

    def runs(self, experiment: Experiment, arm: str = Arm.OWN) -> list[TrainedRun]:
        """Return the runs of one arm, one per seed."""
        return [group[str(arm)] for group in self.groups(experiment) if str(arm) in group]


def gather(trained: Sequence[Trained], folder: Path | None = None) -> Evidence:
    """Read all trained runs that claims were given."""
    if not trained:
        return Evidence()
    try:
        store = Store(folder or default_folder())
    except OSError:
        return Evidence(lost=len(_keys(trained)))
    read = {key: store.get(key) for key in _keys(trained)}
    runs = {key: run for key, run in read.items() if run is not None}
    claims = {given.claim: _groups(given, runs) for given in trained}
    experiments: dict[str, Sequence[Group]] = {}
    for given in trained:
        if len(claims[given.claim]) > len(experiments.get(given.experiment, ())):
            experiments[given.experiment] = claims[given.claim]
    return Evidence(claims, experiments, len(read) - len(runs))


def _keys(trained: Sequence[Trained]) -> list[str]:
    return list(dict.fromkeys(key for given in trained for group in given.groups for key in group.values()))


def _groups(given: Trained, runs: Mapping[str, TrainedRun]) -> list[Group]:
    return [{arm: runs[key] for arm, key in group.items()} for group in given.groups if all(key in runs for key in group.values())]
