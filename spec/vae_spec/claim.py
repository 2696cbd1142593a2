"""The Claim: one checkable sentence about VAEs, with its source, its reasons, its decision rule and the check itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from vae_spec.areas import AREAS
from vae_spec.bounds import Bound, decision
from vae_spec.documents import Source
from vae_spec.evidence import Group
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

    @property
    def paired(self) -> bool:
        """Whether a group of runs has others beside the one that is looked at."""
        return self not in {Experiment.IMAGES, Experiment.LAB, Experiment.LAB_PRINTED}


class Role(StrEnum):
    """How the violation of a claim stands to others when the mistake behind them is sought.

    From that of a `CAUSE` the phenomena follow. A `PHENOMENON` is what trainings show of the whole: wherever a part is wrong it is no
    surprise, and what the part's own claim says counts. What is seen `ALONE` neither follows nor makes phenomena follow.
    """

    CAUSE = "cause"
    PHENOMENON = "phenomenon"
    ALONE = "alone"


TRAINED_NEEDS = (Part.POSTERIOR, Part.FORWARD, Part.DECODE, Part.PARAMETERS, Part.TRAINING)
"""What every trained claim needs."""

ExactCheck = Callable[[Subject, Trial], Verdict]


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One claim.

    Attributes:
        id: AREA-NN; stable.
        title: a few words, for lists.
        level: how much it weighs.
        statement: what is claimed, one sentence; here and in `formula` `{0}` stands for the number of the first bound, and so on.
        sources: the sections of the documents it comes from.
        why: what the documents say, what is really so, and why it matters.
        hint: what most likely went wrong where it is violated, and how to mend it.
        decision: how it is decided and with what error; where there are bounds, it is made from them.
        measured: how the numbers of the bounds are measured, where their names do not say it.
        formula: the statement in symbols, as plain text, where symbols say it; L is the loss, L_rec its reconstruction term.
        mistakes: the ids of the mistakes that it must reject.
        needs: the parts of the implementation it needs; all trained claims need the same.
        applies: the reason why the claim does not concern a subject with these facts, or None where it does.
        rank: its place among the claims whose naming of a mistake counts, the nearest to a cause first; None behind all others.
        explains: the ids of the claims whose violation follows from one of this claim's, the phenomena apart.
        check: the check of an exact claim, which calls the subject; or None.
        spends_error_budget: whether the verdict of an exact claim rests on random draws; every other one is an identity.
        at_other_sizes: whether a constant could satisfy an exact claim at one size alone, so that it is asked at others too.
        experiment: what the runs of a trained claim are.
        bounds: what a trained claim asks of the numbers of its runs.
        said: what holds where all bounds hold.
        blames: the mistake that a violated bound points to.
        judge: what judges the runs of a trained claim, where it is not its bounds alone.
        as_it_is: whether one trained model, of which nothing but its weights is known, can answer a trained claim or a part of it.
        role: how the violation of a trained claim stands to others; a violated exact claim is a cause.
        holds_when_collapsed: whether a trained claim holds at an optimum that needs no code too.
        reference_only: whether it concerns the reference's own systems alone, and is asked of them in the full profile.

    Raises:
        ValueError: the id or a mistake is unknown, or something is missing that a claim of its kind has to say.
    """

    id: str
    title: str
    level: Level
    statement: str
    sources: tuple[Source, ...]
    why: str
    hint: str
    decision: str = ""
    measured: str = ""
    formula: str = ""
    mistakes: tuple[str, ...] = ()
    needs: tuple[Part, ...] = ()
    applies: Callable[[Facts], str | None] = lambda _facts: None
    rank: int | None
    explains: tuple[str, ...] = ()
    check: ExactCheck | None = None
    spends_error_budget: bool | None = None
    at_other_sizes: bool | None = None
    experiment: Experiment | None = None
    bounds: tuple[Bound, ...] = ()
    said: str | Callable[[Sequence[Group], Facts], str] = ""
    blames: str | Callable[[Sequence[Group], Facts], str | None] | None = None
    judge: TrainedCheck | None = None
    as_it_is: bool = False
    role: Role | None = None
    holds_when_collapsed: bool | None = None
    reference_only: bool = False

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Z]+-\d\d", self.id) or self.area not in AREAS:
            raise ValueError(f"{self.id!r} is not an id of the form AREA-NN with a known area")
        blamed = (self.blames,) if isinstance(self.blames, str) else ()
        if unknown := [mistake for mistake in (*self.mistakes, *blamed) if mistake not in MISTAKES]:
            raise ValueError(f"{self.id} names unknown mistakes: {', '.join(unknown)}")
        exact = (self.check, self.spends_error_budget, self.at_other_sizes)
        trained = (self.experiment, self.bounds or self.judge, self.role, self.holds_when_collapsed)
        said, unsaid = (trained, exact) if self.trained else (exact, (*trained[:1], self.judge, *trained[2:]))
        if None in said or any(one is not None for one in unsaid) or (self.bounds and not self.trained) or self.as_it_is > self.trained:
            raise ValueError(
                f"{self.id} has to say either check, spends_error_budget and at_other_sizes, or experiment, bounds or judge, role and"
                " holds_when_collapsed"
            )
        if not self.bounds and not self.decision:
            raise ValueError(f"{self.id} has to say how it is decided")
        self._derive()

    def _derive(self) -> None:
        """Fill in what follows from the kind of claim and from its bounds."""
        derived: dict[str, object] = {"needs": TRAINED_NEEDS} if self.trained else {}
        if self.experiment is not None and self.bounds:
            numbers = [bound.number for bound in self.bounds]
            derived |= {"statement": self.statement.format(*numbers), "formula": self.formula.format(*numbers)}
            derived["decision"] = decision(self.bounds, self.measured, paired=self.experiment.paired)
        for name, value in derived.items():
            object.__setattr__(self, name, value)

    def asked(self, facts: Facts) -> list[Bound]:
        """The bounds that are asked of an implementation with these facts, and of given weights those that need no training."""
        asked = [bound for bound in self.bounds if bound.scope.excludes(facts) is None]
        return [bound for bound in asked if not (facts.given_weights and bound.takes_a_training)]

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


TrainedCheck = Callable[[Claim, Sequence[Group], Facts], Verdict]
