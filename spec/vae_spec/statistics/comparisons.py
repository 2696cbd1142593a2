"""Comparisons by name, one number per group of paired runs, shared by calibration and claims.

Paired runs share initialisation, data order and noise, so that a difference between them is due to what was changed. Ratios are taken as
logarithms, so that a factor counts the same in either direction.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

from vae_spec.evidence import Arm, Group
from vae_spec.observations import ImageObservations
from vae_spec.statistics.functionals import Functional, curve, drop, end, kl, observed

Comparison = Callable[[Group], float]

FLOOR = 0.05
"""Added to coverages and densities before their logarithm: ratios of smaller values are noise."""
MMD_FLOOR = 0.01
"""The same for squared discrepancies, whose largest value is about 0.4."""

LEAST_SAVING = 0.1
"""Nats: smaller differences are negligible, and no ratio has a smaller denominator."""


def _log_ratio(of: Functional, first: Arm, second: Arm, floor: float = 0.0) -> Comparison:
    def number(group: Group) -> float:
        over, under = of(group[first]) + floor, of(group[second]) + floor
        if not (math.isfinite(over) and math.isfinite(under)):
            return math.nan
        return math.log(max(over, 1e-30) / max(under, 1e-30))

    return number


def _difference(of: Functional, first: Arm, second: Arm) -> Comparison:
    return lambda group: of(group[first]) - of(group[second])


_nats = curve(lambda run: end(run.reconstruction))
"""The reconstruction term at the end of the training, nats per item."""


def _lost(better: Arm, worse: Arm) -> Comparison:
    """Return the loss of reconstruction at the end of the training, as a share of the better one's drop."""
    return lambda group: (_nats(group[worse]) - _nats(group[better])) / max(drop(group[better].reconstruction), LEAST_SAVING)


@observed
def detail(seen: ImageObservations) -> float:
    """Return the geometric mean of two measures of detail, which are noisy in different cases."""
    return math.sqrt(seen.reconstructions.laplacian * seen.reconstructions.high_frequencies)


@observed
def plausibility(seen: ImageObservations) -> float:
    """Return the geometric mean of coverage and density: samples should be plausible and diverse."""
    return math.sqrt((seen.samples.coverage + FLOOR) * (seen.samples.density + FLOOR))


coverage = observed(lambda seen: seen.samples.coverage)
discrepancy = observed(lambda seen: max(seen.codes.mmd2, 0.0))
information = observed(lambda seen: seen.codes.information)
middle = observed(lambda seen: seen.paths.prior_middle_density)

COMPARISONS: Mapping[str, Comparison] = MappingProxyType(
    {
        "reconstruction lost to the autoencoder, share of its drop": _lost(Arm.AUTOENCODER, Arm.OWN),
        "reconstruction lost from beta 0.1 to 1, share of its drop": _lost(Arm.SMALL, Arm.OWN),
        "reconstruction lost from beta 1 to the large one, share of its drop": _lost(Arm.OWN, Arm.LARGE),
        "log of detail over the autoencoder's": _log_ratio(detail, Arm.OWN, Arm.AUTOENCODER),
        "log of detail, beta 0.1 over the large one": _log_ratio(detail, Arm.SMALL, Arm.LARGE),
        "log of MMD to the prior, beta 0.1 over the large one": _log_ratio(discrepancy, Arm.SMALL, Arm.LARGE, MMD_FLOOR),
        "log of plausible samples over the autoencoder's": _log_ratio(plausibility, Arm.OWN, Arm.AUTOENCODER),
        "log of plausible samples lost without the KL": _log_ratio(plausibility, Arm.OWN, Arm.NO_KL),
        "log of MMD to the prior over the autoencoder's": _log_ratio(discrepancy, Arm.OWN, Arm.AUTOENCODER, MMD_FLOOR),
        "log of mid-path density over the autoencoder's": _log_ratio(middle, Arm.OWN, Arm.AUTOENCODER, FLOOR),
        "log of KL, beta 0.1 over 1": _log_ratio(kl, Arm.SMALL, Arm.OWN),
        "log of KL, beta 1 over the large one": _log_ratio(kl, Arm.OWN, Arm.LARGE),
        "information lost from beta 0.1 to the large one, nats": _difference(information, Arm.SMALL, Arm.LARGE),
        "log of KL without its term": _log_ratio(kl, Arm.NO_KL, Arm.OWN),
        "log of MMD to the prior without the KL": _log_ratio(discrepancy, Arm.NO_KL, Arm.OWN, MMD_FLOOR),
    }
)
"""All comparisons, by their names in reports."""
