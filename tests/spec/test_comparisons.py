"""Claims that compare paired trainings, and those on what is seen of one: each holds of sound evidence and falls with what it is about."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from evidence_samples import groups, run
from fakes import facts
from torch.distributions import Normal, kl_divergence

from vae_spec.claim import Experiment
from vae_spec.evidence import NOISE_OVER_DATA, Arm
from vae_spec.judging import judge
from vae_spec.outcomes import Verdict
from vae_spec.registry import CLAIMS
from vae_spec.statistics.comparisons import COMPARISONS
from vae_spec.statistics.functionals import FUNCTIONALS
from vae_spec.subject import Likelihood, Objective

ON_IMAGES = (Experiment.IMAGES, Experiment.CONTRAST, Experiment.SWEEP, Experiment.WITHOUT_KL)
ASKED = [claim.id for claim in CLAIMS.values() if claim.experiment in ON_IMAGES and not claim.reference_only]


def asked(claim_id: str, **changes: dict[str, float]) -> Verdict:
    claim = CLAIMS[claim_id]
    assert claim.experiment is not None
    return judge(claim, groups(claim.experiment, **changes), facts(latent_dim=5))


@pytest.mark.parametrize("claim_id", ASKED)
def test_sound_evidence_is_accepted(claim_id: str) -> None:
    verdict = asked(claim_id)
    assert verdict.outcome == "holds", verdict.message
    assert verdict.measured["seeds"] == 3


@pytest.mark.parametrize(
    ("claim_id", "changes"),
    [
        ("SMP-01", {"OWN": {"coverage": 0.01}}),
        ("SMP-01", {"OWN": {"entropy": 0.2}}),
        ("SMP-01", {"OWN": {"classes": 2}}),
        ("REC-01", {"OWN": {"r2": 0.1}}),
        ("REC-05", {"OWN": {"nats": 80.0}}),
        ("SMP-03", {"OWN": {"nearest_over_held_out": 0.1}}),
        ("SMP-04", {"AUTOENCODER": {"coverage": 0.9, "density": 0.9}}),
        ("LAT-02", {"OWN": {"mean_variance": 6.0}}),
        ("LAT-02", {"OWN": {"mean_variance": 0.2}}),
        ("LAT-02", {"AUTOENCODER": {"mmd2": 0.002}}),
        ("INT-01", {"OWN": {"second_difference": 4.0}}),
        ("BETA-01", {"LARGE": {"nats": 100.0}}),
        ("BETA-01", {"SMALL": {"nats": 130.0}}),
        ("BETA-01", {"SMALL": {"kl": 10.0}}),
        ("BETA-01", {"LARGE": {"kl": 10.0}}),
        ("BETA-03", {"SMALL": {"mmd2": 0.0008}, "LARGE": {"mmd2": 0.02}}),
        ("BETA-04", {"NO_KL": {"kl": 10.0}}),
        ("BETA-04", {"NO_KL": {"coverage": 0.9, "density": 0.9}}),
    ],
)
def test_what_a_claim_is_about_decides_it(claim_id: str, changes: dict[str, dict[str, float]]) -> None:
    verdict = asked(claim_id, **changes)
    assert verdict.outcome == "violated", verdict.message
    assert verdict.hint == CLAIMS[claim_id].hint


def test_reconstructions_as_sharp_as_the_autoencoders_are_no_vaes() -> None:
    found = [{Arm.OWN: group[Arm.AUTOENCODER], Arm.AUTOENCODER: group[Arm.AUTOENCODER]} for group in groups(Experiment.CONTRAST)]
    assert judge(CLAIMS["REC-02"], found, facts(latent_dim=5)).outcome == "violated"


@pytest.mark.parametrize(("shape", "outcome"), [((1, 28, 28), "violated"), ((1, 32, 32), "violated"), ((3, 32, 32), "holds")])
def test_large_items_are_compared_with_the_originals_alone(shape: tuple[int, ...], outcome: str) -> None:
    found = [{Arm.OWN: group[Arm.AUTOENCODER], Arm.AUTOENCODER: group[Arm.AUTOENCODER]} for group in groups(Experiment.CONTRAST)]
    large = facts(input_shape=shape, latent_dim=5)
    verdict = judge(CLAIMS["REC-02"], found, large)
    assert verdict.outcome == outcome, verdict.message
    assert ("3072 entries" in verdict.message) is (outcome == "holds")
    assert ("3072 entries" in str(CLAIMS["LAT-02"].applies(large))) is (outcome == "holds")


def test_an_autoencoder_that_is_no_further_is_no_fault() -> None:
    verdict = asked("REC-03", AUTOENCODER={"nats": 103.0})
    assert verdict.outcome == "holds"
    assert "about as closely" in verdict.message


def test_a_contrast_that_diverges_leaves_nothing_to_compare() -> None:
    found = [
        {**group, Arm.AUTOENCODER: replace(group[Arm.AUTOENCODER], diverged_at=7, held_out=None, observations=None)}
        for group in groups(Experiment.CONTRAST)
    ]
    verdict = judge(CLAIMS["REC-03"], found, facts())
    assert verdict.outcome == "not-applicable"
    assert "autoencoder" in verdict.message
    own = [
        {**group, Arm.OWN: replace(group[Arm.OWN], diverged_at=7, held_out=None, observations=None)}
        for group in groups(Experiment.CONTRAST)
    ]
    assert judge(CLAIMS["REC-03"], own, facts()).outcome == "violated"


@pytest.mark.parametrize(("sigma", "outcome"), [(1.0, "violated"), (0.69, "violated"), (0.07, "holds"), (12.0, "holds")])
def test_a_kl_that_starts_high_is_no_fault_where_the_untrained_posterior_is_that_far_from_the_prior(sigma: float, outcome: str) -> None:
    found = groups(Experiment.IMAGES)
    for group in found:
        curve = group[Arm.OWN].analytic_kl.copy()
        curve[0] = 18.0
        group[Arm.OWN] = replace(group[Arm.OWN], analytic_kl=curve)
    verdict = judge(CLAIMS["TRN-02"], found, facts(latent_dim=8, untrained_sigma=sigma))
    assert verdict.outcome == outcome, verdict.message
    assert ("starts small" in verdict.message) is False
    many = facts(latent_dim=1024, untrained_sigma=1.0)
    assert judge(CLAIMS["TRN-02"], found, many).outcome == "violated", "18 of 10 nats are no rise"


def test_what_an_untrained_posterior_costs() -> None:
    assert facts().untrained_cost == 0
    one = kl_divergence(Normal(0.0, 0.69), Normal(0.0, 1.0)).item()
    assert facts(latent_dim=200, untrained_sigma=0.69).untrained_cost == pytest.approx(200 * one)


def test_codes_near_the_prior_at_every_beta_are_judged_by_detail_alone() -> None:
    near = {"SMALL": {"mmd2": 0.004}, "LARGE": {"mmd2": 0.0035}}
    verdict = asked("BETA-03", **near)
    assert verdict.outcome == "holds"
    assert "at neither do the codes lie far from the prior" in verdict.message
    assert asked("BETA-03", SMALL={"mmd2": 0.012}, LARGE={"mmd2": 0.011}).outcome == "violated"


@pytest.mark.parametrize(("share", "kl", "outcome"), [(1.4, 0.01, "not-applicable"), (0.9, 0.01, "violated"), (1.4, 5.0, "holds")])
def test_a_code_that_the_noise_drowns_is_no_fault(share: float, kl: float, outcome: str) -> None:
    found = [
        {arm: replace(one, notes={NOISE_OVER_DATA: share}) for arm, one in group.items()}
        for group in groups(Experiment.IMAGES, OWN={"kl": kl})
    ]
    assert judge(CLAIMS["COL-01"], found, facts(latent_dim=5)).outcome == outcome
    assert judge(CLAIMS["TRN-07"], found, facts(latent_dim=5)).outcome == "holds"


def test_a_collapse_at_a_large_beta_is_no_fault() -> None:
    collapsed = {"kl": 0.004, "r2": 0.0, "information": 0.0}
    assert asked("BETA-03", LARGE=collapsed).outcome == "holds"
    assert "collapsed" in asked("BETA-01", LARGE=collapsed).message


def test_comparisons_that_need_room_in_the_code_say_so() -> None:
    image = facts(input_shape=(1, 8, 8), latent_dim=5)
    for claim_id in ("REC-02", "REC-03", "SMP-04", "BETA-03", "BETA-04"):
        assert CLAIMS[claim_id].applies(image) is None
        assert "4 latent dimensions" in str(CLAIMS[claim_id].applies(replace(image, latent_dim=4)))
        assert "variance" in str(CLAIMS[claim_id].applies(replace(image, likelihood=Likelihood.GAUSSIAN)))
        assert "modified" in str(CLAIMS[claim_id].applies(replace(image, objective=Objective.MODIFIED)))
        assert "autoregressive" in str(CLAIMS[claim_id].applies(replace(image, autoregressive=True)))


def test_every_number_is_one_for_sound_evidence() -> None:
    group = groups(Experiment.CONTRAST)[0] | groups(Experiment.SWEEP)[0] | groups(Experiment.WITHOUT_KL)[0]
    assert all(isinstance(function(group[Arm.OWN]), float) for function in FUNCTIONALS.values())
    assert all(isinstance(function(group), float) for function in COMPARISONS.values())


def test_numbers_of_a_training_that_diverged_are_none() -> None:
    gone = replace(run(), diverged_at=3, held_out=None, stationarity=None, observations=None)
    assert all(value != value for value in (function(dict.fromkeys(Arm, gone)) for function in COMPARISONS.values()))


@pytest.mark.parametrize(("drawn", "cause"), [(0.8, "stale-statistics"), (-0.1, "eps-shrunk")])
def test_a_bound_that_eval_mode_loses_is_blamed_on_its_noise_or_its_statistics(drawn: float, cause: str) -> None:
    found = groups(Experiment.IMAGES, OWN={"nats": 80.0})
    for group in found:
        seen = group[Arm.OWN].held_out
        assert seen is not None
        group[Arm.OWN] = replace(group[Arm.OWN], held_out=replace(seen, r2=drawn, r2_mean_code=0.85))
    verdict = judge(CLAIMS["REC-05"], found, facts(latent_dim=5))
    assert (verdict.outcome, verdict.diagnosis) == ("violated", cause)


def test_posteriors_as_wide_as_the_prior_are_no_code() -> None:
    found = groups(Experiment.IMAGES)
    for group in found:
        seen = group[Arm.OWN].observations
        assert seen is not None
        codes = seen.pictures.means + np.asarray([[1.0], [-1.0]])
        group[Arm.OWN] = replace(group[Arm.OWN], observations=replace(seen, pictures=replace(seen.pictures, codes=codes)))
    verdict = judge(CLAIMS["COL-01"], found, facts(latent_dim=5))
    assert verdict.outcome == "violated"
    assert verdict.message.startswith("posteriors are about as wide as the prior")


def test_what_beta_does_to_samples_is_reported_with_its_range_over_seeds() -> None:
    measured = asked("BETA-03").measured
    assert measured["coverage of prior samples at beta 0.1"] == pytest.approx(0.28)
    assert measured["detail of prior samples over the data's at beta 4, range over seeds"] == 0.0


def test_the_course_of_a_training_is_reported() -> None:
    verdict = asked("TRN-03")
    assert verdict.outcome == "holds"
    assert verdict.measured["log of the KL at the end over that after a tenth of the steps"] > 0
