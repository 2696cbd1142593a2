"""Helpers of the trained claims: conditions on subjects, and statistics over runs."""

from __future__ import annotations

import math
from collections.abc import Sequence

from vae_spec.calibration import PAIRED
from vae_spec.elbo import accepted_weights, nearest_weight
from vae_spec.evidence import Group, TrainedRun
from vae_spec.statistics.comparisons import COMPARISONS
from vae_spec.statistics.functionals import FUNCTIONALS
from vae_spec.subject import Facts, InputKind, Objective

LEAST_ENTRIES = 10
"""Entries from which rows and series are trained: of fewer, two directions hardly exceed the unit variance of a likelihood."""


def images_only(facts: Facts) -> str | None:
    """Return why a claim about images does not apply to this subject, or None."""
    if facts.is_image:
        return None
    return f"it takes {_numbers(facts)}, not images: sharpness is one of images"


def trainable_items(facts: Facts) -> str | None:
    """Return why a claim about trainings on images, rows or series does not apply to this subject, or None."""
    if facts.kind is InputKind.POINT:
        return f"it takes {_numbers(facts)}: the claims of the tiny lab (TOY) concern it"
    if facts.tokens or (facts.counts and not facts.is_image):
        return f"it takes {'tokens' if facts.tokens else 'counts'}: there are no data of this kind to train it on"
    if not facts.is_image and facts.pixels < LEAST_ENTRIES:
        return (
            f"it takes {_numbers(facts)}: rows and series of fewer than {LEAST_ENTRIES} hold too little beside the unit variance of a"
            " likelihood to train on"
        )
    if not facts.is_image and facts.likelihood is None:
        return f"its likelihood is none that is known, and so is what {facts.kind} data it is for: counts, say, are no standardised numbers"
    return None


def _numbers(facts: Facts) -> str:
    return f"{' x '.join(map(str, facts.input_shape))} numbers"


def plain_objective(facts: Facts) -> str | None:
    """Return why a claim about the plain ELBO's optimum does not apply to this subject, or None."""
    return trainable_items(facts) or ("its objective is declared modified" if facts.objective is Objective.MODIFIED else None)


def _own_decoding(facts: Facts) -> str | None:
    if not facts.autoregressive:
        return None
    return "its decoder is autoregressive: what it decodes from a code alone is not what its training reconstructs"


def decodes_latents(facts: Facts) -> str | None:
    """Return why a claim about decoded latents does not apply to this subject, or None."""
    return trainable_items(facts) or _own_decoding(facts)


def plain_decoding(facts: Facts) -> str | None:
    """Return why a claim about decoded latents at the plain ELBO's optimum does not apply to this subject, or None."""
    return plain_objective(facts) or _own_decoding(facts)


def priced(facts: Facts) -> str | None:
    """Return why a claim about the effect of the KL does not apply to this subject, or None."""
    return plain_decoding(facts) or PAIRED.excludes(facts)


def measure(runs: Sequence[TrainedRun], functional: str) -> list[float]:
    """Return the functional of each run."""
    return [FUNCTIONALS[functional](run) for run in runs]


def mean(runs: Sequence[TrainedRun], functional: str) -> float:
    """Return the mean of a functional over runs."""
    return sum(measure(runs, functional)) / len(runs)


def mean_compared(groups: Sequence[Group], name: str) -> float:
    """Return the mean of a comparison over groups."""
    return sum(COMPARISONS[name](group) for group in groups) / len(groups)


def ratio(groups: Sequence[Group], name: str) -> float:
    """Return the geometric mean over groups of a ratio whose logarithm is the comparison."""
    return math.exp(mean_compared(groups, name))


def optimised_weight(facts: Facts, runs: Sequence[TrainedRun]) -> float:
    """Return the expected effective beta: of those accepted, the one nearest to what was found."""
    found = [run.stationarity.beta for run in runs if run.stationarity is not None and run.stationarity.beta > 0]
    accepted = accepted_weights(facts)
    return nearest_weight(math.exp(sum(map(math.log, found)) / len(found)), accepted) if found else accepted[0]
