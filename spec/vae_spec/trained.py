"""Judging trained claims: decisions of their bounds over seeds, and verdicts on trainings that diverged."""

from __future__ import annotations

from collections.abc import Sequence

from vae_spec.claim import Claim
from vae_spec.evidence import Arm, Group, TrainedRun
from vae_spec.outcomes import Verdict, not_applicable, violated
from vae_spec.statistics.functionals import INFORMATIVE_KL, kl
from vae_spec.statistics.seeds import SeedDecision, combine
from vae_spec.subject import Facts


def arm(groups: Sequence[Group], which: str) -> list[TrainedRun]:
    """Return the runs of one arm."""
    return [group[which] for group in groups]


def own(groups: Sequence[Group]) -> list[TrainedRun]:
    """Return the runs of the unmodified objective."""
    return arm(groups, Arm.OWN)


def collapsed(runs: Sequence[TrainedRun]) -> bool:
    """Return whether the latent of these runs carries almost no information."""
    return sum(kl(run) for run in runs) / len(runs) < INFORMATIVE_KL


def divergence(runs: Sequence[TrainedRun]) -> Verdict | None:
    """Return the violation if a training did not stay finite, else None."""
    ended = [run.diverged_at for run in runs if run.diverged_at is not None]
    if not ended:
        return None
    return violated(
        f"the loss stopped being finite in {len(ended)} of {len(runs)} trainings, first at step {min(ended)}",
        measured={"trainings that diverged": len(ended), "first step": min(ended), "seeds": len(runs)},
        expected={"trainings that diverged": 0},
        diagnosis="overflow",
    )


def not_comparable(groups: Sequence[Group]) -> Verdict | None:
    """Return the verdict if a training, or one that it is compared with, did not stay finite; else None."""
    if bad := divergence(own(groups)):
        return bad
    for which in groups[0]:
        if any(run.diverged_at is not None for run in arm(groups, which)):
            return not_applicable(
                f"trained with one thing changed ({which}), its loss does not stay finite: there is nothing to compare with"
            )
    return None


def decided(claim: Claim, groups: Sequence[Group], facts: Facts) -> list[SeedDecision]:
    """Decide each applicable bound of the claim over the seeds so far."""
    return [bound.decide(groups, facts) for bound in claim.applicable_bounds(facts)]


def by_bounds(claim: Claim, groups: Sequence[Group], facts: Facts) -> Verdict:
    """Return the verdict of a trained claim that is decided by its bounds alone."""
    if bad := not_comparable(groups):
        return bad
    if not claim.applicable_bounds(facts):
        of_this_kind = [bound for bound in claim.bounds if facts.kind in bound.scope.kinds]
        return not_applicable(str((of_this_kind or claim.bounds)[0].scope.excludes(facts)))
    conclusion = claim.conclusion if isinstance(claim.conclusion, str) else claim.conclusion(groups, facts)
    blamed = claim.blames(groups, facts) if callable(claim.blames) else claim.blames
    return combine(decided(claim, groups, facts), conclusion=conclusion, diagnosis=blamed)
