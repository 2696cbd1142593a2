"""The findings of a reproduction: the trained runs of both systems, and the verdicts on all claims."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from vae_conformance.runner.events import Bound, ClaimVerdict
from vae_spec.claim import Experiment
from vae_spec.evidence import Arm, Group, TrainedRun

REFERENCE, TINY = "reference", "tiny"
"""The registered names of the image model and of the tiny lab's model."""
TARGETS = (REFERENCE, TINY)


@dataclass(frozen=True)
class Findings:
    """Everything that the page and the numbers are made from.

    Attributes:
        dataset: the image data set.
        seed: the seed of the run.
        groups: the trained runs by experiment, one group per seed.
        problems: by experiment, a sentence that says why it could not be made.
        answers: the verdicts by system and claim id.
        systems: the implementation and the environment of each system.
        duration_s: the duration in seconds.
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
