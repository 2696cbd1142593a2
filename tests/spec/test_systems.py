"""What the claims about the reference's own systems accept and reject: the table of MNIST, the strong decoder, exercises, comparison."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from evidence_samples import groups, run
from fakes import facts

from vae_spec.claim import Experiment, Profile
from vae_spec.claims.systems import REMEDIES
from vae_spec.claims.training_terms import TABLE
from vae_spec.evidence import Arm, Group, Recipe, TrainedRun
from vae_spec.judging import judge, precondition
from vae_spec.outcomes import Verdict
from vae_spec.registry import CLAIMS

REFERENCE_ONLY = ["TRN-08", "COL-04", "TOY-06", "EXR-01", "EXR-02", "EXR-03", "EXR-04", "CMP-01"]


def test_they_are_asked_of_the_reference_in_the_full_profile_alone() -> None:
    assert [claim.id for claim in CLAIMS.values() if claim.reference_only] == sorted(
        REFERENCE_ONLY, key=lambda claim_id: list(CLAIMS).index(claim_id)
    )
    for claim_id in REFERENCE_ONLY:
        assert CLAIMS[claim_id].profile is Profile.FULL
        verdict = precondition(CLAIMS[claim_id], facts(input_shape=(1, 8, 8)))
        assert verdict is not None
        assert "reference's own" in verdict.message


def epochs_of(column: int, change: dict[int, float]) -> np.ndarray:
    """A curve of 2340 steps with the table's means, some epochs multiplied."""
    rows = [row[column] * change.get(epoch, 1.0) for epoch, row in enumerate(TABLE)]
    return np.repeat(rows, 234)


def on_mnist(seed: int = 0, total: dict[int, float] | None = None, kl: dict[int, float] | None = None) -> TrainedRun:
    curves = epochs_of(0, total or {}), epochs_of(1, {}), epochs_of(2, kl or {})
    return TrainedRun(Recipe("mnist", 2340, 256, 1e-3, seed=seed), curves[0], curves[1], curves[2], curves[2])


def table(**changes: dict[int, float]) -> Verdict:
    found: list[Group] = [{Arm.OWN: on_mnist(seed, **changes)} for seed in range(3)]
    return judge(CLAIMS["TRN-08"], found, facts())


def test_the_table_of_ten_epochs_is_met_or_not() -> None:
    assert table().outcome == "holds"
    assert table(total={9: 1.009}).outcome == "holds"
    assert table(total={9: 1.011}).outcome == "violated"
    assert table(total={9: 0.95}).outcome == "holds"
    assert table(total={3: 1.02}).outcome == "holds"
    assert table(total={3: 1.03}).outcome == "violated"
    assert table(kl={9: 1.04}).outcome == "violated"
    assert "epoch 10, KL" in table(kl={9: 0.96}).message
    assert table(kl={2: 1.05}).outcome == "holds"


def test_the_table_is_for_mnist() -> None:
    verdict = judge(CLAIMS["TRN-08"], groups(Experiment.IMAGES), facts())
    assert verdict.outcome == "not-applicable"
    assert "--dataset mnist" in verdict.message


def remedies(seed: int, peak: float = 13.0, **kls: float) -> Group:
    """The strong decoder's trainings, as the reference leaves them."""
    ends = {"none": 0.005, "warm-up": 0.016, "free bits": 1.5, "smaller beta": 8.6, "weaker decoder": 2.0, "InfoVAE": 40.0} | kls
    steps = np.linspace(0, 1, 50)
    found = {}
    for remedy, kl in ends.items():
        curve = np.minimum(steps * peak * 4, peak) * (steps < 0.5) + kl if remedy == "warm-up" else np.full(50, kl)
        found[remedy] = TrainedRun(
            Recipe("digits", 50, 128, 1e-3, seed=seed),
            curve,
            curve,
            curve,
            curve,
            notes={"KL, nats": kl + seed * 1e-4, "nats lost to another item's code": kl / 2},
        )
    return found


def collapse(**changes: float) -> Verdict:
    return judge(CLAIMS["COL-04"], [remedies(seed, **changes) for seed in range(3)], facts())


def test_the_strong_decoder_collapses_and_four_remedies_help() -> None:
    assert collapse().outcome == "holds"
    assert collapse(none=3.0).outcome == "violated"
    assert collapse(peak=0.1).outcome == "violated"
    for remedy in REMEDIES:
        assert collapse(**{remedy: 0.0}).outcome == "violated"
    assert collapse(**{"warm-up": 5.0}).outcome == "violated"


def comparison(seed: int) -> Group:
    own, contrast = groups(Experiment.CONTRAST, seed + 1)[seed].values()
    notes = {"coverage": 0.5, "density": 0.6, "entropy of classes": 0.99, "sharpness over the originals'": 1.0}
    return {Arm.OWN: own, Arm.AUTOENCODER: contrast, "GAN": replace(run(seed), observations=None, notes=notes)}


def test_the_three_kinds_are_reported_side_by_side() -> None:
    verdict = judge(CLAIMS["CMP-01"], [comparison(seed) for seed in range(3)], facts())
    assert verdict.outcome == "holds"
    assert verdict.measured["GAN: coverage"] == pytest.approx(0.5)
    assert verdict.measured["VAE: coverage"] == pytest.approx(0.6)
    assert verdict.measured["autoencoder: coverage"] == pytest.approx(0.05)
    assert len(verdict.message.splitlines()) == 3


@pytest.mark.parametrize("claim_id", ["EXR-01", "EXR-02", "EXR-03", "EXR-04"])
def test_exercises_report_every_arm(claim_id: str) -> None:
    arms = ["latent_dim 4", "latent_dim 32"]
    found = [{arm: run(seed) for arm in arms} for seed in range(3)]
    verdict = judge(CLAIMS[claim_id], found, facts())
    assert verdict.outcome == "holds"
    assert [line.partition(":")[0] for line in verdict.message.splitlines()] == arms
    assert verdict.measured["seeds"] == 3
