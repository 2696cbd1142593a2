"""Every border of a trained claim lies well beyond the worst sound implementation that was measured.

Well beyond: what a first look must reach to reject lies four standard deviations beyond, of the spread between seeds near
the border; and the bound itself two, so that a sound implementation does not stay undecided.
"""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from fakes import facts
from scipy import stats

from vae_spec.calibration import Scope, families, seed_spread
from vae_spec.claim import Experiment
from vae_spec.registry import CLAIMS
from vae_spec.statistics.seeds import LEVEL, LOOKS, Side
from vae_spec.subject import InputKind

LEARNED_SCALE = frozenset(
    {"gaussian-pair", "gaussian-shared-variance", "gaussian-global-sigma", "rows-learned-variance", "waves-learned-variance"}
)
ON_IMAGES = (Experiment.IMAGES, Experiment.CONTRAST, Experiment.SWEEP, Experiment.WITHOUT_KL)
WEIGHED = frozenset({"log of the effective beta", "log of reported over analytic KL"})
WEIGHTS = (1.0, 0.5, 2.0)
"""The effective betas that the sound catalogue has, declared or accepted."""


SHAPES = {InputKind.IMAGE: (2, 5), InputKind.ROW: (30,), InputKind.SERIES: (64, 1)}


def borders(kind: InputKind, learned_scale: bool) -> list[tuple[str, str, float, Side, Scope]]:
    """(claim, functional, border, side, scope) of every bound that claims on trainings apply to this kind of input."""
    asked = replace(facts(), learned_scale=learned_scale, latent_dim=5, input_shape=SHAPES[kind])
    return [
        (claim.id, bound.statistic, bound.border(asked), bound.side, bound.scope)
        for claim in CLAIMS.values()
        if claim.experiment in ON_IMAGES and not claim.reference_only and claim.applies(asked) is None
        for bound in claim.applicable_bounds(asked)
    ]


@pytest.mark.parametrize("kind", SHAPES)
@pytest.mark.parametrize("learned_scale", [False, True])
def test_a_first_look_rejects_only_four_standard_deviations_beyond_the_worst_sound_implementation(learned_scale, kind):
    checked = borders(kind, learned_scale)
    assert len(checked) > 25
    quantile = float(stats.norm.isf(LEVEL / len(LOOKS)))
    near = []
    for claim, functional, bound, side, scope in checked:
        spread = seed_spread(functional, bound, side, scope, kind)
        # What a first look must reach to be a violation lies this far beyond the bound.
        beyond = quantile * spread / math.sqrt(LOOKS[0])
        for name, found in families(functional, scope, kind).items():
            if (name in LEARNED_SCALE) != learned_scale:
                continue
            mean = found.mean
            if functional in WEIGHED:
                mean = min((mean - math.log(weight) for weight in WEIGHTS), key=abs)
            distance = mean - bound if side is Side.ABOVE else bound - mean
            if distance + beyond <= 4 * max(spread, found.sd / math.sqrt(LOOKS[0])) or distance <= 2 * spread:
                near.append(f"{claim}: {functional} of {name} is {mean:.4g} ± {found.sd:.2g}, too near {bound:g} (spread {spread:.2g})")
    assert not near, "\n".join(near)
