"""What the claims of the tiny lab make of runs: healthy ones, and ones with one thing wrong."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from fakes import facts

from vae_spec.claims.toy import ends
from vae_spec.claims.toy_weights import distance_share, kl_ratio, kl_share, reconstruction_ratio
from vae_spec.evidence import Arm, Group, Recipe, TrainedRun
from vae_spec.judging import judge
from vae_spec.observations import PointObservations
from vae_spec.outcomes import Outcome, Verdict
from vae_spec.registry import CLAIMS
from vae_spec.statistics.seeds import LOOKS

POINTS = facts(input_shape=(2,), latent_dim=2, reference=True)
OBSERVATIONS = PointObservations(0.06, 0.0, 0.95, 0.01, 1.0, np.zeros((5, 2)), np.zeros((41, 2)), np.zeros((256, 2)))


def run(
    *, end: float = 0.02, kl: float = 1.4, observations: PointObservations | None = OBSERVATIONS, diverged: int | None = None
) -> TrainedRun:
    """A run of the lab: its reconstruction falls from 0.6 to `end`, its KL is `kl` nats an item throughout."""
    reconstruction = np.concatenate([np.linspace(0.6, end, 150), np.full(50, end)])
    curve = np.full(200, kl)
    return TrainedRun(Recipe("clusters", 200, 0, 0.02), reconstruction + curve, reconstruction, curve, curve, diverged, points=observations)


def observations(**changes: float) -> PointObservations:
    return replace(OBSERVATIONS, **changes)


def group(**arms: TrainedRun) -> Group:
    """A healthy group of the three weights and of Tanh, with changes."""
    healthy = {
        Arm.NO_KL: run(end=0.002, kl=11.0, observations=observations(energy_distance=0.45)),
        Arm.OWN: run(),
        Arm.LARGE: run(end=0.07, kl=0.7, observations=observations(energy_distance=0.03)),
        Arm.TANH: run(end=0.021, kl=1.3),
    }
    return {str(arm): arms.get(arm.name, made) for arm, made in healthy.items()}


def asked(claim: str, one: Group | TrainedRun, *, seeds: int = LOOKS[0]) -> Verdict:
    """The verdict on so many like seeds."""
    groups: list[Group] = [{Arm.OWN: one} if isinstance(one, TrainedRun) else one] * seeds
    return judge(CLAIMS[claim], groups, POINTS)


def test_the_end_is_a_mean_over_dimensions() -> None:
    reconstruction, kl = ends(run(end=0.03, kl=1.4), POINTS)
    assert (reconstruction, kl) == (pytest.approx(0.03), pytest.approx(0.7))


@pytest.mark.parametrize("claim", ["TOY-01", "TOY-03", "TOY-05"])
def test_a_healthy_run_satisfies_every_claim_of_one_run(claim: str) -> None:
    assert asked(claim, run()).outcome is Outcome.HOLDS


@pytest.mark.parametrize("claim", ["TOY-04", "TOY-06"])
def test_a_healthy_group_satisfies_every_comparison(claim: str) -> None:
    assert asked(claim, group()).outcome is Outcome.HOLDS


@pytest.mark.parametrize("claim", ["TOY-01", "TOY-03", "TOY-05", "TOY-04", "TOY-06"])
def test_a_training_that_diverged_violates_them(claim: str) -> None:
    ended = run(diverged=7, observations=None)
    one = ended if claim in ("TOY-01", "TOY-03", "TOY-05") else group(OWN=ended)
    verdict = asked(claim, one)
    assert verdict.outcome is Outcome.VIOLATED
    assert "stopped being finite" in verdict.message


# TOY-03 and TOY-05 ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "said", "diagnosis"),
    [
        ({"energy_distance": 0.3}, "energy distance", None),
        ({"near": 0.5}, "share near the clusters", None),
        ({"copies": 1.0}, "on a training point", "memorising-decoder"),
    ],
)
def test_generated_points_elsewhere_or_copied_are_told_apart(change: dict[str, float], said: str, diagnosis: str | None) -> None:
    verdict = asked("TOY-03", run(observations=observations(**change)))
    assert verdict.outcome is Outcome.VIOLATED
    assert said in verdict.message
    assert verdict.diagnosis == diagnosis


def test_a_jump_along_the_line_is_a_violation_and_a_kink_is_none() -> None:
    jump = asked("TOY-05", run(observations=observations(second_difference=100.0)))
    assert (jump.outcome, jump.diagnosis) == (Outcome.VIOLATED, "rounded-code")
    assert asked("TOY-05", run(observations=observations(second_difference=2.3))).outcome is Outcome.HOLDS


def test_a_line_that_does_not_move_says_nothing() -> None:
    verdict = asked("TOY-05", run(observations=observations(second_difference=math.nan)))
    assert verdict.outcome is Outcome.NOT_APPLICABLE
    assert "does not move" in verdict.message


# TOY-04 and TOY-06 ----------------------------------------------------------------------------------


def test_the_comparisons_are_logarithms_and_shares() -> None:
    one = group()
    assert kl_ratio(one, POINTS, Arm.OWN, Arm.LARGE) == pytest.approx(math.log(2))
    assert kl_share(one, POINTS) == pytest.approx(11 / 12.4)
    assert reconstruction_ratio(one, POINTS, Arm.LARGE, Arm.OWN) == pytest.approx(math.log(3.5))
    assert distance_share(one) == pytest.approx(0.45 / 0.51)


def test_an_energy_distance_at_or_below_zero_is_as_near_as_can_be() -> None:
    assert distance_share(group(OWN=run(observations=observations(energy_distance=-0.003)))) == pytest.approx(1.0, abs=1e-4)


@pytest.mark.parametrize("end", [0.0, -1.0, math.nan])
def test_a_term_that_is_not_positive_has_no_logarithm(end: float) -> None:
    assert math.isnan(kl_ratio(group(LARGE=run(kl=end)), POINTS, Arm.OWN, Arm.LARGE))
    assert math.isnan(kl_share(group(NO_KL=run(kl=end)), POINTS))


def test_a_distance_that_was_not_measured_gives_no_share() -> None:
    assert math.isnan(distance_share(group(OWN=run(observations=None))))


@pytest.mark.parametrize(
    ("arms", "said"),
    [
        ({"NO_KL": run(end=0.002, kl=1.4, observations=observations(energy_distance=0.45))}, "KL at weight 0 over its sum"),
        ({"NO_KL": run(end=0.002, kl=11.0, observations=observations(energy_distance=0.06))}, "energy distance at weight 0"),
        ({"LARGE": run(end=0.02, kl=0.7)}, "log of reconstruction, weight 0.5"),
        ({"LARGE": run(end=0.07, kl=1.4)}, "log of KL, weight 0.05 over 0.5"),
    ],
)
def test_each_consequence_of_the_weight_is_asked_for(arms: dict[str, TrainedRun], said: str) -> None:
    verdict = asked("TOY-04", group(**arms))
    assert verdict.outcome is Outcome.VIOLATED
    assert [line for line in verdict.message.splitlines() if said in line]
    assert verdict.diagnosis is None


def test_a_weight_that_changes_nothing_is_named() -> None:
    verdict = asked("TOY-04", group(NO_KL=run(), LARGE=run()))
    assert (verdict.outcome, verdict.diagnosis) == (Outcome.VIOLATED, "beta-unused")


def test_without_a_kl_there_is_no_weight_to_be_unused() -> None:
    bare = run(kl=0.0)
    assert asked("TOY-04", group(OWN=bare, NO_KL=bare, LARGE=bare)).diagnosis is None


@pytest.mark.parametrize("tanh", [run(end=0.3), run(end=0.035, kl=1.3), run(kl=0.1), run(kl=9.0)])
def test_tanh_has_to_converge_and_nearly_as_far(tanh: TrainedRun) -> None:
    assert asked("TOY-06", group(TANH=tanh)).outcome is Outcome.VIOLATED


def test_tanh_is_asked_of_the_reference_alone() -> None:
    assert CLAIMS["TOY-06"].reference_only
