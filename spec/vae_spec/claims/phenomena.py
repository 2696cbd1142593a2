"""What the trained claims share: which subjects they concern, and rules asked of several runs."""

from __future__ import annotations

import math
from collections.abc import Sequence

from vae_spec.calibration import rule
from vae_spec.elbo import accepted_weights, nearest_weight
from vae_spec.evidence import TrainedRun
from vae_spec.outcomes import Verdict, violated
from vae_spec.statistics.functionals import FUNCTIONALS
from vae_spec.statistics.seeds import Rule, SeedDecision, Side, decide
from vae_spec.subject import Facts, Objective, Part

TRAINED_NEEDS = (Part.POSTERIOR, Part.FORWARD, Part.DECODE, Part.PARAMETERS, Part.TRAINING)

Bound = tuple[str, float, Side]


def images_only(facts: Facts) -> str | None:
    """The reason why a claim about images does not concern this subject."""
    if facts.is_image:
        return None
    return f"it takes {' x '.join(map(str, facts.input_shape))} numbers, not images: the claims of the tiny lab (TOY) concern it"


def plain_objective(facts: Facts) -> str | None:
    """The reason why a claim about the plain ELBO's optimum does not concern this subject."""
    return images_only(facts) or ("its objective is declared modified" if facts.objective is Objective.MODIFIED else None)


def free_scale(facts: Facts) -> bool:
    """Whether the likelihood learns its own variance: its loss keeps falling while the variance shrinks, and may be negative."""
    return facts.learned_scale


def measure(runs: Sequence[TrainedRun], functional: str) -> list[float]:
    """The functional of every run."""
    return [FUNCTIONALS[functional](run) for run in runs]


def decisions(runs: Sequence[TrainedRun], bounds: Sequence[Bound]) -> list[SeedDecision]:
    """Each bound decided over the runs."""
    return [decide(measure(runs, functional), rule(functional, bound, side)) for functional, bound, side in bounds]


def shifted(runs: Sequence[TrainedRun], functional: str, by: float, bound: float, side: Side, name: str) -> SeedDecision:
    """A bound on a functional after a known shift (the logarithm of a declared weight, say)."""
    found: Rule = rule(functional, bound, side)
    return decide([value - by for value in measure(runs, functional)], Rule(name, bound, side, found.spread))


def divergence(runs: Sequence[TrainedRun]) -> Verdict | None:
    """The verdict that follows from a training that did not stay finite."""
    ended = [run for run in runs if run.diverged_at is not None]
    if not ended:
        return None
    first = min(run.diverged_at for run in ended if run.diverged_at is not None)
    return violated(
        f"the loss stopped being finite in {len(ended)} of {len(runs)} trainings, first at step {first}",
        measured={"trainings that diverged": len(ended), "first step": first, "seeds": len(runs)},
        expected={"trainings that diverged": 0},
        diagnosis="overflow",
    )


def optimised_weight(facts: Facts, runs: Sequence[TrainedRun]) -> float:
    """The effective beta to expect: the declared one, or the accepted one nearest to what was found."""
    found = [run.stationarity.beta for run in runs if run.stationarity is not None and run.stationarity.beta > 0]
    accepted = accepted_weights(facts)
    return nearest_weight(math.exp(sum(map(math.log, found)) / len(found)), accepted) if found else accepted[0]
