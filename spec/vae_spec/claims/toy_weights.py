"""TOY-04 and TOY-06: the lab with other weights of the KL and with another activation (VAE Basics 6.6.3, exercises)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from vae_spec.bounds import above, below
from vae_spec.claim import Claim, Experiment
from vae_spec.claims.toy import converged, ends, takes_points
from vae_spec.diagnosis import Role
from vae_spec.documents import basics
from vae_spec.evidence import Arm, Group
from vae_spec.outcomes import Level, Verdict
from vae_spec.subject import Facts
from vae_spec.trained import by_bounds, divergence

LEAST = 1e-6
"""Replaces energy distances whose estimate is 0 or negative."""


def kl_ratio(group: Group, facts: Facts, over: Arm, under: Arm) -> float:
    """Return log of one arm's final KL over another's; nan if either is not positive."""
    return _log_ratio(ends(group[over], facts)[1], ends(group[under], facts)[1])


def reconstruction_ratio(group: Group, facts: Facts, over: Arm, under: Arm) -> float:
    """Return log of one arm's final reconstruction term over another's."""
    return _log_ratio(ends(group[over], facts)[0], ends(group[under], facts)[0])


def kl_share(group: Group, facts: Facts) -> float:
    """Return the final KL at weight 0 over its sum with that at the lab's own weight: above 1/2 if it grew.

    A share rather than a ratio, because it is bounded: a KL without a weight grows by factors that vary much between seeds.
    """
    there, here = ends(group[Arm.NO_KL], facts)[1], ends(group[Arm.OWN], facts)[1]
    return there / (there + here) if there > 0 and here > 0 else math.nan


def _log_ratio(over: float, under: float) -> float:
    return math.log(over / under) if over > 0 and under > 0 else math.nan


def distance_share(group: Group) -> float:
    """Return generated points' energy distance at weight 0 over its sum with that at the lab's own weight: above 1/2 if worse."""
    without, own = group[Arm.NO_KL].points, group[Arm.OWN].points
    if without is None or own is None:
        return math.nan
    there, here = max(without.energy_distance, LEAST), max(own.energy_distance, LEAST)
    return there / (there + here)


def _unweighted(groups: Sequence[Group], _facts: Facts) -> str | None:
    """Return the mistake "beta-unused" if the weight has no effect at all on a nonzero KL, else None."""
    pairs = [(group[Arm.OWN], group[Arm.NO_KL]) for group in groups]
    same = all(np.array_equal(own.reconstruction, without.reconstruction) and bool(own.kl.any()) for own, without in pairs)
    return "beta-unused" if same else None


def judge_finite(claim: Claim, groups: Sequence[Group], facts: Facts) -> Verdict:
    """Judge by the bounds, and reject any training that does not stay finite."""
    return divergence([run for group in groups for run in group.values()]) or by_bounds(claim, groups, facts)


TOY_04 = Claim(
    id="TOY-04",
    title="the weight of the KL in the lab",
    level=Level.EXPECTED,
    statement="with weight 0 the KL grows and generated points lie farther from the data; with weight 0.5 the reconstruction is worse and"
    " the KL smaller, each beside the same run with 0.05",
    sources=(basics("exercises"),),
    why="The first two exercises. In 60 of 60 pairs of runs weight 0 multiplies the KL by 4.7 to 20, and the generated points' energy"
    " distance to the data by 3.4 to 24; weight 0.5 multiplies the reconstruction by 2.8 to 5.3 and divides the KL by 1.7 to 2.7. Samples"
    " at weight 0.5 are not worse but a little nearer to the data, in 55 of the 60 pairs: more weight buys a latent space that fits the"
    " prior. So nothing is claimed of them.",
    hint="does the loss use its beta, on the KL and on nothing else?",
    measured="means over the last ten steps; spreads measured over 20 seeds of each of three sound implementations, whose worst pair stays"
    " at least 4 of them away",
    mistakes=("beta-unused",),
    applies=takes_points,
    rank=480,
    experiment=Experiment.LAB_WEIGHTS,
    bounds=(
        above(
            "KL at weight 0 over its sum with that at 0.05",
            0.6,
            "sound: 0.82 and more (4.7 to 20 times as large); an unused weight: 0.5",
            measure=kl_share,
            spread=0.04,
        ),
        above(
            "energy distance at weight 0 over its sum with that at 0.05",
            0.6,
            "sound: 0.77 and more (3.4 to 24 times as large); an unused weight: 0.5",
            measure=lambda group, _facts: distance_share(group),
            spread=0.04,
        ),
        above(
            "log of reconstruction, weight 0.5 over 0.05",
            0.5,
            "sound: log 2.8 = 1.03 and more; an unused weight: 0",
            measure=lambda group, facts: reconstruction_ratio(group, facts, Arm.LARGE, Arm.OWN),
            spread=0.1,
        ),
        above(
            "log of KL, weight 0.05 over 0.5",
            0.25,
            "sound: log 1.7 = 0.53 and more; an unused weight: 0",
            measure=lambda group, facts: kl_ratio(group, facts, Arm.OWN, Arm.LARGE),
            spread=0.066,
        ),
    ),
    conclusion="without its KL the codes run away and the samples get worse; with ten times its weight reconstructions do, and the KL"
    " falls",
    blames=_unweighted,
    judge=judge_finite,
    role=Role.CAUSE,
    holds_when_collapsed=False,
)


TOY_06 = Claim(
    id="TOY-06",
    title="Tanh in the lab's decoder",
    level=Level.EXPECTED,
    statement="with Tanh in place of ReLU in the decoder the lab's training converges too, to nearly the same reconstruction",
    sources=(basics("exercises"),),
    why="The fourth exercise. Over 20 seeds the reconstruction ends at 0.031 to 0.049 of its start (ReLU: 0.028 to 0.044), and at 0.95 to"
    " 1.12 times that of the same seed with ReLU; the KL at 0.62 to 0.74 nat a dimension. What changes is the decoded line, which has no"
    " kinks any more. Only the reference can be built with either activation.",
    hint="is the activation taken from the constructor, and put where the ReLU was?",
    measured="the bounds of TOY-01 for the runs with Tanh; spreads measured over 20 seeds",
    applies=takes_points,
    rank=None,
    experiment=Experiment.LAB_TANH,
    bounds=(
        *converged(Arm.TANH),
        below(
            "log of reconstruction, Tanh over ReLU",
            0.4,
            "a factor of 1.5; sound: 0.95 to 1.12; with a decoder that ignores z ten times as much is kept",
            source="the reference, 20 seeds",
            measure=lambda group, facts: reconstruction_ratio(group, facts, Arm.TANH, Arm.OWN),
            spread=0.043,
        ),
    ),
    conclusion="with Tanh in the decoder training converges as it does with ReLU",
    judge=judge_finite,
    role=Role.CAUSE,
    holds_when_collapsed=False,
    reference_only=True,
)
