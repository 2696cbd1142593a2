"""Every border of a trained claim lies well beyond the worst sound implementation that was measured.

Well beyond is four standard deviations: of the pooled spread between seeds, and of the mean of a first look at the implementation's own.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from fakes import facts
from vae_spec.calibration import calibration, rule, seed_spread
from vae_spec.claim import Experiment
from vae_spec.claims import phenomena
from vae_spec.evidence import HeldOut, Recipe, Stationarity, TrainedRun
from vae_spec.judging import judge
from vae_spec.registry import CLAIMS
from vae_spec.statistics.seeds import LOOKS, Side
from vae_spec.trial import Trial

LEARNED_SCALE = frozenset({"gaussian-pair", "gaussian-shared-variance", "gaussian-global-sigma"})
WEIGHTS = (1.0, 0.5, 2.0)
"""The effective betas that the sound catalogue has, declared or accepted."""


def healthy(seed: int) -> TrainedRun:
    """A run with nothing wrong in it."""
    steps = np.arange(200)
    reconstruction = 100 + 200 * np.exp(-steps / 10)
    kl = 10 * (1 - np.exp(-steps / 10))
    held_out = HeldOut(500, 0.8, -0.7, 0.85, np.full(4, 2.5), np.full(4, 0.9), 10.0, 10.0, 100.0)
    recipe = Recipe("digits", 200, 64, 1e-3, seed=seed)
    return TrainedRun(recipe, reconstruction + kl, reconstruction, kl, kl, None, 0.0, 40, held_out, Stationarity(1.0, 0.01, 10.0, 1000))


def borders(learned_scale: bool, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, float, Side]]:
    """(claim, functional, bound, side) of every rule that the claims about images apply."""
    found = []
    for claim in CLAIMS.values():
        if claim.experiment is not Experiment.IMAGES:
            continue

        def seen(functional, bound, side, claim=claim):
            found.append((claim.id, functional, bound, side))
            return rule(functional, bound, side)

        monkeypatch.setattr(phenomena, "rule", seen)
        verdict = judge(claim, [healthy(seed) for seed in range(3)], replace(facts(), learned_scale=learned_scale), Trial(claim.id, 0))
        assert verdict.outcome in ("holds", "not-applicable"), (claim.id, verdict.message)
    return found


@pytest.mark.parametrize("learned_scale", [False, True])
def test_borders_lie_four_standard_deviations_beyond_the_worst_sound_implementation(learned_scale, monkeypatch):
    checked = borders(learned_scale, monkeypatch)
    assert {claim for claim, *_rest in checked} >= {"TRN-01", "TRN-02", "TRN-06", "REC-01", "COL-01", "COL-02"}
    for claim, functional, bound, side in checked:
        for name, spread in calibration()[functional].items():
            if (name in LEARNED_SCALE) != learned_scale:
                continue
            mean = spread.mean
            if functional.startswith("log of"):
                mean = min((mean - math.log(weight) for weight in WEIGHTS), key=abs)
            distance = mean - bound if side is Side.ABOVE else bound - mean
            assert distance > 4 * max(seed_spread(functional), spread.sd / math.sqrt(LOOKS[0])), (
                f"{claim}: {functional} of {name} is {mean:.4g} ± {spread.sd:.2g}, too near {bound:g}"
            )
