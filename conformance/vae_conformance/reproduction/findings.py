"""The findings of a reproduction: the trained runs of both systems, the verdicts on all claims, and the chapters made of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from vae_conformance.reproduction.tables import Content
from vae_conformance.runner.events import Bound, ClaimVerdict
from vae_spec.claim import Experiment
from vae_spec.documents import Document
from vae_spec.evidence import Arm, Group, TrainedRun
from vae_spec.observations import Pictures

REFERENCE, TINY = "reference", "tiny"
"""The registered names of the image model and of the tiny lab's model."""
TARGETS = (REFERENCE, TINY)


@dataclass(frozen=True)
class Findings:
    """Everything that the page and the numbers are made from.

    By experiment: `groups`, one of runs per seed, and `problems`, a sentence that says why it could not be made. By system and claim id:
    `answers`. By system: its implementation and environment.
    """

    dataset: str
    seed: int
    groups: Mapping[Experiment, Sequence[Group]]
    problems: Mapping[Experiment, str] = field(default_factory=dict)
    answers: Mapping[tuple[str, str], ClaimVerdict] = field(default_factory=dict)
    systems: Mapping[str, Bound] = field(default_factory=dict)
    duration_s: float = 0.0

    def runs(self, experiment: Experiment, arm: str = Arm.OWN) -> list[TrainedRun]:
        """Return the runs of one arm, one per seed; empty if the experiment could not be made."""
        return [group[str(arm)] for group in self.groups.get(experiment, ()) if str(arm) in group]

    def arms(self, experiment: Experiment) -> list[str]:
        """Return the names of an experiment's arms, in order."""
        groups = self.groups.get(experiment, ())
        return list(groups[0]) if groups else []


@dataclass(frozen=True)
class Chapter:
    """One section of a document."""

    document: Document
    section: str
    summary: str
    content: Callable[[Findings], Content] = lambda _findings: Content()


def first_pictures(runs: Sequence[TrainedRun]) -> Pictures | None:
    """Return the pictures of the first seed, or None if its training diverged or was not made."""
    return runs[0].observations.pictures if runs and runs[0].observations is not None else None


def pictures_by_arm(findings: Findings, experiment: Experiment) -> Mapping[str, Pictures]:
    """Return the pictures of the first seed for every arm that has any."""
    found = {arm: first_pictures(findings.runs(experiment, arm)) for arm in findings.arms(experiment)}
    return {arm: pictures for arm, pictures in found.items() if pictures is not None}


def first_by_arm(findings: Findings, experiment: Experiment) -> Mapping[str, TrainedRun]:
    """Return the first seed's run of every arm."""
    return {arm: findings.runs(experiment, arm)[0] for arm in findings.arms(experiment)}


def vae_and_autoencoder(findings: Findings) -> tuple[tuple[str, Sequence[TrainedRun]], ...]:
    """Return the two models that the documents compare throughout, with their runs over seeds."""
    contrast = Experiment.CONTRAST
    return ("VAE", findings.runs(contrast)), ("its autoencoder", findings.runs(contrast, Arm.AUTOENCODER))
