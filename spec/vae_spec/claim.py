"""The record of a claim: one checkable sentence about VAEs, with its sources, reasons, decision rule and check."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from vae_spec.areas import AREAS
from vae_spec.bounds import Bound, decision
from vae_spec.context import ClaimContext
from vae_spec.diagnosis import Role
from vae_spec.documents import Source
from vae_spec.evidence import Group
from vae_spec.mistakes import MISTAKES
from vae_spec.outcomes import Level, Verdict
from vae_spec.subject import Facts, Part, Subject


class Profile(StrEnum):
    """Extent of a run: `exact` (no training), `quick` (adds the trained claims on few seeds), `full` (more of everything)."""

    EXACT = "exact"
    QUICK = "quick"
    FULL = "full"

    def includes(self, other: Profile) -> bool:
        """Return whether a run of this profile includes the claims of the other."""
        order = list(Profile)
        return order.index(other) <= order.index(self)


class Experiment(StrEnum):
    """The trainings that a trained claim evaluates.

    On images: the standard training; paired with the subject's own autoencoder; paired with a small and a large beta; paired with a
    training without a KL. On points: the tiny lab's recipe over seeds, its printed run, the lab at other weights of the KL, and with
    another activation. For the reference only: the strong decoder with each remedy; three kinds of model compared; other latent
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
        """Whether a group holds runs to compare with the subject's own."""
        return self not in {Experiment.IMAGES, Experiment.LAB, Experiment.LAB_PRINTED}


TRAINED_NEEDS = (Part.POSTERIOR, Part.FORWARD, Part.DECODE, Part.PARAMETERS, Part.TRAINING)
"""The parts that every trained claim needs."""

ExactCheck = Callable[[Subject, ClaimContext], Verdict]


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One claim.

    Attributes:
        id: AREA-NN; stable.
        title: a few words, for lists.
        level: its severity.
        statement: the claim in one sentence; here and in `formula`, `{0}` is replaced by the number of the first bound, and so on.
        sources: the sections of the documents that it comes from.
        why: what the documents say, what measurements show, and why it matters.
        hint: the most likely reason for a violation, and how to fix it.
        decision: how it is decided and with what error; derived from the bounds if there are any.
        measured: how the numbers of the bounds are measured, if their names do not say it.
        formula: the statement in symbols, as plain text; may be empty. L is the loss, L_rec its reconstruction term.
        mistakes: the ids of the mistakes that it must reject.
        needs: the parts of the implementation it needs; all trained claims need the same.
        applies: returns why the claim does not apply to a subject with these facts, or None if it does.
        rank: its order among the claims that identify mistakes, nearest to the cause first; None sorts last.
        explains: the ids of the claims, except phenomena, whose violation follows from a violation of this one.
        check: the check of an exact claim, which calls the subject; None for a trained claim.
        spends_error_budget: whether the verdict of an exact claim depends on random draws; all others are identities.
        at_other_sizes: whether an exact claim is also checked at other sizes, because a constant could satisfy it at a single one.
        experiment: the trainings that a trained claim evaluates.
        bounds: the bounds of a trained claim on numbers measured in its runs.
        conclusion: the message if all bounds hold.
        blames: the mistake that a violated bound indicates.
        judge: judges the runs of a trained claim, if its bounds alone do not.
        as_it_is: whether the weights of one trained model suffice to judge a trained claim or part of it.
        role: how the violation of a trained claim relates to others; a violated exact claim is a cause.
        holds_when_collapsed: whether a trained claim also holds at an optimum with a collapsed latent.
        reference_only: whether it applies only to the reference's own systems, in the full profile.

    Raises:
        ValueError: the id or a mistake is unknown, or a field that this kind of claim requires is missing.
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
    conclusion: str | Callable[[Sequence[Group], Facts], str] = ""
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
        needed, others = (trained, exact) if self.trained else (exact, (*trained[:1], self.judge, *trained[2:]))
        if None in needed or any(one is not None for one in others) or (self.bounds and not self.trained) or self.as_it_is > self.trained:
            raise ValueError(
                f"{self.id} has to say either check, spends_error_budget and at_other_sizes, or experiment, bounds or judge, role and"
                " holds_when_collapsed"
            )
        if not self.bounds and not self.decision:
            raise ValueError(f"{self.id} has to say how it is decided")
        self._derive()

    def _derive(self) -> None:
        """Set the fields that follow from the kind of claim and from its bounds."""
        derived: dict[str, object] = {"needs": TRAINED_NEEDS} if self.trained else {}
        if self.experiment is not None and self.bounds:
            numbers = [bound.number for bound in self.bounds]
            derived |= {"statement": self.statement.format(*numbers), "formula": self.formula.format(*numbers)}
            derived["decision"] = decision(self.bounds, self.measured, paired=self.experiment.paired)
        for name, value in derived.items():
            object.__setattr__(self, name, value)

    def applicable_bounds(self, facts: Facts) -> list[Bound]:
        """Return the bounds that apply to an implementation with these facts; for given weights, only those that need no training."""
        asked = [bound for bound in self.bounds if bound.scope.excludes(facts) is None]
        return [bound for bound in asked if not (facts.given_weights and bound.takes_a_training)]

    @property
    def area(self) -> str:
        """The prefix of the id."""
        return self.id.partition("-")[0]

    @property
    def profile(self) -> Profile:
        """The smallest profile that includes it."""
        if self.check is not None:
            return Profile.EXACT
        return Profile.FULL if self.reference_only else Profile.QUICK

    @property
    def concerns(self) -> tuple[Part, ...]:
        """The parts that a violation concerns if nothing more specific is known.

        For an exact claim these are the parts that it needs; for a trained claim, the forward pass and the loss.
        """
        return (Part.FORWARD, Part.LOSS) if self.trained else self.needs

    @property
    def trained(self) -> bool:
        """Whether it is judged from trained runs."""
        return self.check is None


TrainedCheck = Callable[[Claim, Sequence[Group], Facts], Verdict]
