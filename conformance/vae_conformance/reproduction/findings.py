"""What a reproduction found: the trained runs of both systems, and the verdicts on all claims."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from vae_conformance.runner.events import Bound, ClaimVerdict
from vae_spec.claim import Experiment
from vae_spec.evidence import Arm, Group, TrainedRun
from vae_spec.outcomes import Level, Outcome

REFERENCE, TINY = "reference", "tiny"
"""The registered names of the image model and of the tiny lab's."""
TARGETS = (REFERENCE, TINY)


@dataclass(frozen=True)
class Answer:
    """One claim asked of one system.

    Attributes:
        target: the system.
        verdict: what came out.
    """

    target: str
    verdict: ClaimVerdict

    @property
    def claim(self) -> str:
        """The id."""
        return self.verdict.claim

    @property
    def level(self) -> Level:
        """The claim's."""
        return self.verdict.level

    @property
    def outcome(self) -> Outcome:
        """The verdict's."""
        return self.verdict.outcome


@dataclass(frozen=True)
class Findings:
    """Everything that the pages are made from.

    Attributes:
        dataset: what the images are.
        seed: of the run.
        groups: the trainings, by experiment; one group a seed.
        problems: why an experiment could not be made, in one sentence.
        answers: the claims, by system and id.
        systems: what was bound, by target, and under what it ran.
        duration_s: seconds.
    """

    dataset: str
    seed: int
    groups: Mapping[Experiment, Sequence[Group]]
    problems: Mapping[Experiment, str] = field(default_factory=dict)
    answers: Mapping[tuple[str, str], Answer] = field(default_factory=dict)
    systems: Mapping[str, Bound] = field(default_factory=dict)
    duration_s: float = 0.0

    def runs(self, experiment: Experiment, arm: str = Arm.OWN) -> list[TrainedRun]:
        """One arm's runs, one a seed; none where the experiment could not be made."""
        return [group[str(arm)] for group in self.groups.get(experiment, ()) if str(arm) in group]

    def arms(self, experiment: Experiment) -> list[str]:
        """The names of an experiment's arms, in their order."""
        groups = self.groups.get(experiment, ())
        return list(groups[0]) if groups else []
