"""Judging one claim on one subject, including missing parts and failures of the subject, and the parts that a verdict concerns."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from vae_spec.claim import Claim, Experiment
from vae_spec.context import ClaimContext
from vae_spec.evidence import NOISE_OVER_DATA, Arm, Group
from vae_spec.exploration import FIX_FIRST, fault_verdict
from vae_spec.mistakes import MISTAKES
from vae_spec.outcomes import Level, Verdict, not_applicable, violated
from vae_spec.subject import Facts, Part, Standing, Subject, SubjectFault
from vae_spec.trained import by_bounds, collapsed

REQUIRED_PARTS = (Part.POSTERIOR, Part.FORWARD, Part.DECODE)
"""Parts without a substitute. All others have one, or the claims that need them do not apply."""

_COURSE = "looks at the course of trainings"
_NEEDS: Mapping[Experiment, str] = defaultdict(
    lambda: "is about trainings of its own",
    {
        Experiment.IMAGES: _COURSE,
        Experiment.CONTRAST: "compares with an autoencoder of the same size that is trained beside it",
        Experiment.SWEEP: "compares trainings at several weights of the KL",
        Experiment.WITHOUT_KL: "compares with a training without a KL",
    },
)
"""What a trained claim requires beyond the weights of one trained model."""


def precondition(claim: Claim, facts: Facts) -> Verdict | None:
    """Return the verdict that follows from the facts alone (not applicable, or a part missing or failing), or None if none does."""
    if claim.reference_only and not facts.reference:
        return not_applicable("it concerns the reference's own systems alone")
    if facts.given_weights and claim.experiment is not None and not claim.as_it_is:
        return not_applicable(f"the weights are judged as they are, and nothing is trained: this claim {_NEEDS[claim.experiment]}")
    if reason := claim.applies(facts):
        return not_applicable(reason)
    for part in claim.needs:
        if facts.given_weights and part is Part.TRAINING and claim.as_it_is:
            continue
        report = facts.parts[part]
        if report.standing is Standing.FAILING:
            if claim.level is Level.INFORMATIONAL:
                return not_applicable(f"{part} fails: {report.account}")
            return violated(
                f"{part} fails: {report.account}",
                measured={"part": str(part)},
                expected={"part": "works"},
                diagnosis=report.diagnosis,
                hint=FIX_FIRST,
            )
        if report.standing is Standing.PRESENT:
            continue
        if part in REQUIRED_PARTS and claim.level is not Level.INFORMATIONAL:
            return violated(
                f"missing: {part} ({report.account})",
                measured={"part": str(part)},
                expected={"part": "present"},
                diagnosis=report.diagnosis,
                hint=f"give the class what the claim needs: {part}; nothing can stand in for it",
            )
        return not_applicable(f"{part}: {report.account}", measured={"part": str(part)})
    return None


def ask(claim: Claim, subject: Subject, context: ClaimContext) -> Verdict:
    """Return the verdict of an exact claim.

    Raises:
        ValueError: the claim is judged from trained runs.
    """
    if claim.check is None:
        raise ValueError(f"{claim.id} is judged from trained runs")
    if verdict := precondition(claim, subject.facts):
        return _hinted(claim, verdict)
    try:
        verdict = claim.check(subject, context)
    except SubjectFault as fault:
        verdict = fault_verdict(fault)
    return _hinted(claim, verdict)


def judge(claim: Claim, groups: Sequence[Group], facts: Facts) -> Verdict:
    """Return the verdict of a trained claim on the runs so far.

    There is one group of runs a seed; for given weights a single run, without curves.

    Raises:
        ValueError: the claim is an exact one.
    """
    if not claim.trained:
        raise ValueError(f"{claim.id} is asked of the subject itself")
    if not claim.holds_when_collapsed and (share := noise_over_data(groups)) is not None:
        return not_applicable(
            f"the unit variance that the squared error stands for, weighed as the KL is, is {share:.2g} times the largest variance of these"
            " data in any direction: so much noise drowns every code, and the collapse is the objective's own optimum (Lucas et al. 2019)"
        )
    return _hinted(claim, (claim.judge or by_bounds)(claim, groups, facts))


def noise_over_data(groups: Sequence[Group]) -> float | None:
    """Return the ratio of the likelihood's noise to the data if it is at least 1 and the latent has collapsed, else None.

    For linear decoders a latent never pays for its KL at ratios from 1 on (Lucas et al. 2019, "Don't blame the ELBO!", section 4).
    """
    own = [group[Arm.OWN] for group in groups if Arm.OWN in group]
    shares = [run.notes.get(NOISE_OVER_DATA, 0.0) for run in own]
    if not own or min(shares) < 1 or any(run.held_out is None for run in own):
        return None
    return min(shares) if collapsed(own) else None


def _hinted(claim: Claim, verdict: Verdict) -> Verdict:
    return verdict.with_hint(claim.hint) if verdict.outcome.value == "violated" else verdict


_OPERATIONS = {
    "construction": Part.PARAMETERS,
    "load_state_dict": Part.PARAMETERS,
    "training": Part.FORWARD,
    "sampling method": Part.DECODE,
}
"""Parts by the operation that a fault names, for operations not named after a part."""


def parts_concerned(claim: Claim, verdict: Verdict) -> tuple[Part, ...]:
    """Return the parts that a verdict concerns, the likeliest first.

    A part that failed or is missing comes first. Then come the parts of the mistake that the verdict names, those that the claim concerns
    before the others; if no mistake is named, the parts that the claim concerns (see `Claim.concerns`).
    """
    seen = claim.concerns
    known = MISTAKES.get(verdict.diagnosis or "")
    suspects = seen if known is None else tuple(sorted(known.parts, key=lambda part: part not in seen))
    failed = _failed(verdict)
    return tuple(dict.fromkeys((*failed, *suspects)))


def _failed(verdict: Verdict) -> tuple[Part, ...]:
    """Return the part that a precondition or a fault names, or an empty tuple."""
    named = verdict.measured.get("part", verdict.measured.get("operation"))
    if named in _OPERATIONS:
        return (_OPERATIONS[str(named)],)
    return tuple(part for part in Part if part == named)
