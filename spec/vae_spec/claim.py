"""The Claim: one checkable sentence about VAEs, with its source, its reasons, its decision rule and the check itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from vae_spec.areas import AREAS
from vae_spec.documents import Source
from vae_spec.evidence import Group, TrainedRun
from vae_spec.mistakes import MISTAKES
from vae_spec.outcomes import Level, Verdict
from vae_spec.subject import Facts, Part, Subject
from vae_spec.trial import Trial


class Profile(StrEnum):
    """How much is run: `exact` (no training), `quick` (and the trained claims on few seeds), `full` (more of everything)."""

    EXACT = "exact"
    QUICK = "quick"
    FULL = "full"

    def includes(self, other: Profile) -> bool:
        """Whether a run of this profile asks the claims of the other."""
        order = list(Profile)
        return order.index(other) <= order.index(self)


class Experiment(StrEnum):
    """What a trained claim looks at.

    On images: the standard training; it beside the subject's own autoencoder; beside itself at a small and a large beta; beside itself
    without a KL. On points: the tiny lab's recipe over seeds, its printed run, the lab at other weights of the KL, and with another
    activation. Of the reference alone: the strong decoder with each remedy; the three kinds of model side by side; other latent
    dimensions, another likelihood, more epochs.
    """

    IMAGES = "images"
    CONTRAST = "contrast"
    SWEEP = "sweep"
    WITHOUT_KL = "without-kl"
    LAB = "lab"
    LAB_PRINTED = "lab-printed"
    LAB_WEIGHTS = "lab-weights"
    LAB_TANH = "lab-tanh"
    COLLAPSE = "collapse"
    COMPARISON = "comparison"
    LATENT_DIMENSIONS = "latent-dimensions"
    LIKELIHOODS = "likelihoods"
    EPOCHS = "epochs"


ExactCheck = Callable[[Subject, Trial], Verdict]
TrainedCheck = Callable[[Sequence[TrainedRun], Facts, Trial], Verdict]
PairedCheck = Callable[[Sequence[Group], Facts, Trial], Verdict]


@dataclass(frozen=True)
class Claim:
    """One claim.

    Attributes:
        id: AREA-NN; stable.
        title: a few words, for lists.
        level: how much it weighs.
        statement: what is claimed, one sentence.
        sources: the sections of the documents it comes from.
        why: what the documents say, what is really so, and why it matters.
        hint: what most likely went wrong where it is violated, and how to mend it.
        decision: how it is decided and with what error.
        mistakes: the ids of the mistakes that it must reject.
        needs: the parts of the implementation it needs.
        check: the check of an exact claim, which calls the subject; or None.
        judge: the check of a trained claim, which looks at runs of one kind; or None.
        compare: the check of a trained claim that looks at paired runs; or None.
        as_it_is: the check of a trained claim on one trained model of which nothing but its weights is known: a run without curves; None
            where one model cannot tell.
        experiment: what the runs of a trained claim are.
        reference_only: whether it concerns the reference's own systems alone, and is asked of them in the full profile.
        applies: the reason why the claim does not concern a subject with these facts, or None where it does.
        formula: the statement in symbols, as plain text, where symbols say it; L is the loss, L_rec its reconstruction term.

    Raises:
        ValueError: the id, a mistake or the combination of check, judge and experiment is not in order.
    """

    id: str
    title: str
    level: Level
    statement: str
    sources: tuple[Source, ...]
    why: str
    hint: str
    decision: str
    mistakes: tuple[str, ...] = ()
    needs: tuple[Part, ...] = ()
    check: ExactCheck | None = None
    judge: TrainedCheck | None = None
    compare: PairedCheck | None = None
    as_it_is: TrainedCheck | None = None
    experiment: Experiment | None = None
    reference_only: bool = False
    applies: Callable[[Facts], str | None] = lambda _facts: None
    formula: str = ""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Z]+-\d\d", self.id) or self.area not in AREAS:
            raise ValueError(f"{self.id!r} is not an id of the form AREA-NN with a known area")
        if unknown := [mistake for mistake in self.mistakes if mistake not in MISTAKES]:
            raise ValueError(f"{self.id} names unknown mistakes: {', '.join(unknown)}")
        if sum(one is not None for one in (self.check, self.judge, self.compare)) != 1 or (self.check is None) != bool(self.experiment):
            raise ValueError(f"{self.id} needs either a check, or an experiment and what judges or compares its runs")
        if self.as_it_is is not None and self.check is not None:
            raise ValueError(f"{self.id} is asked of the subject itself, whatever its weights are")

    @property
    def area(self) -> str:
        """The letters of the id."""
        return self.id.partition("-")[0]

    @property
    def profile(self) -> Profile:
        """The smallest profile that asks it."""
        if self.check is not None:
            return Profile.EXACT
        return Profile.FULL if self.reference_only else Profile.QUICK

    @property
    def concerns(self) -> tuple[Part, ...]:
        """The parts that a violation speaks of where nothing says more.

        An exact claim looks at the parts that it needs. A trained claim sees the whole at work, of which the forward pass and the loss
        decide.
        """
        return (Part.FORWARD, Part.LOSS) if self.trained else self.needs

    @property
    def trained(self) -> bool:
        """Whether it looks at trained runs."""
        return self.check is None
