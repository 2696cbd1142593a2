"""What the trained claims share: which subjects they concern, and rules asked of several runs."""

from __future__ import annotations

import math
from collections.abc import Sequence

from vae_spec.calibration import EVERYWHERE, PAIRED, Scope, rule
from vae_spec.elbo import accepted_weights, nearest_weight
from vae_spec.evidence import Arm, Group, TrainedRun
from vae_spec.outcomes import Verdict, not_applicable, violated
from vae_spec.statistics.comparisons import COMPARISONS, kl
from vae_spec.statistics.functionals import FUNCTIONALS, INFORMATIVE_KL
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


def _own_decoding(facts: Facts) -> str | None:
    if not facts.autoregressive:
        return None
    return "its decoder is autoregressive: what it decodes from a code alone is not what its training reconstructs"


def decoded_images(facts: Facts) -> str | None:
    """The reason why a claim about decoded codes does not concern this subject."""
    return images_only(facts) or _own_decoding(facts)


def plain_decoding(facts: Facts) -> str | None:
    """The reason why a claim about decoded codes at the plain ELBO's optimum does not concern this subject."""
    return plain_objective(facts) or _own_decoding(facts)


def priced(facts: Facts) -> str | None:
    """The reason why a claim about what the code's price does to images does not concern this subject."""
    return plain_decoding(facts) or PAIRED.excludes(facts)


def free_scale(facts: Facts) -> bool:
    """Whether the likelihood learns its own variance: its loss keeps falling while the variance shrinks, and may be negative."""
    return facts.learned_scale


def measure(runs: Sequence[TrainedRun], functional: str) -> list[float]:
    """The functional of every run."""
    return [FUNCTIONALS[functional](run) for run in runs]


def decisions(runs: Sequence[TrainedRun], bounds: Sequence[Bound], scope: Scope = EVERYWHERE) -> list[SeedDecision]:
    """Each bound decided over the runs."""
    return [decide(measure(runs, functional), rule(functional, bound, side, scope)) for functional, bound, side in bounds]


def comparisons(groups: Sequence[Group], bounds: Sequence[Bound], scope: Scope = PAIRED) -> list[SeedDecision]:
    """Each bound on a comparison decided over the groups."""
    return [decide(compared(groups, name), rule(name, bound, side, scope)) for name, bound, side in bounds]


def compared(groups: Sequence[Group], name: str) -> list[float]:
    """The comparison of every group."""
    return [COMPARISONS[name](group) for group in groups]


def arm(groups: Sequence[Group], which: str) -> list[TrainedRun]:
    """The runs of one arm."""
    return [group[which] for group in groups]


def not_comparable(groups: Sequence[Group]) -> Verdict | None:
    """The verdict that follows where a training of a comparison did not stay finite."""
    if bad := divergence(arm(groups, Arm.OWN)):
        return bad
    for which in groups[0]:
        if any(run.diverged_at is not None for run in arm(groups, which)):
            return not_applicable(
                f"trained with one thing changed ({which}), its loss does not stay finite: there is nothing to compare with"
            )
    return None


def ratio(groups: Sequence[Group], name: str) -> float:
    """The geometric mean of a ratio whose logarithm is compared."""
    values = compared(groups, name)
    return math.exp(sum(values) / len(values))


def collapsed(runs: Sequence[TrainedRun]) -> bool:
    """Whether the code of these runs carries next to nothing."""
    return sum(kl(run) for run in runs) / len(runs) < INFORMATIVE_KL


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
