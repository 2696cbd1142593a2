"""From the store of trained runs to a report's figures: what is read, what is left out and why, and where marks stand on a line."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
from matplotlib.image import imread
from report_samples import BOUND, OPTIONS, verdict
from trained_samples import run

from vae_conformance.experiments.store import Store
from vae_conformance.report.figures.gallery import WEIGHTS, Exhibit, exhibits
from vae_conformance.report.figures.latent import codes_and_prior
from vae_conformance.report.figures.stored_runs import Evidence, gather
from vae_conformance.report.html.calibration_strips import alike, strips
from vae_conformance.report.html.page import render_html
from vae_conformance.runner.events import Trained
from vae_conformance.runner.record import assemble
from vae_conformance.runner.run_state import RunState
from vae_spec.calibration import EVERYWHERE, families
from vae_spec.claim import Experiment
from vae_spec.evidence import Arm, Group, TrainedRun
from vae_spec.outcomes import Level, Outcome

ARMS = (Arm.SMALL, Arm.OWN, Arm.LARGE)
DIVERGED = replace(run(), diverged_at=7, held_out=None, stationarity=None, observations=None)


def evidence(own: TrainedRun | None = None, seeds: int = 2) -> Evidence:
    """Of a contrast and a sweep; every seed's own run is the one given."""
    contrast: list[Group] = [{Arm.OWN: own or run(seed), Arm.AUTOENCODER: run(seed + 9)} for seed in range(seeds)]
    sweep: list[Group] = [{arm: own if own and arm is Arm.OWN else run(seed) for arm in ARMS} for seed in range(seeds)]
    return Evidence({"REC-03": contrast, "BETA-01": sweep}, {Experiment.CONTRAST: contrast, Experiment.SWEEP: sweep})


def named(shown: list[Exhibit]) -> dict[str, Exhibit]:
    return {one.name: one for one in shown}


def stored(folder: Path, **runs: TrainedRun) -> None:
    for key, one in runs.items():
        Store(folder).put(key, one)


def given(claim: str, *keys: str) -> Trained:
    return Trained(claim, "images", tuple({"own": key} for key in keys))


def test_every_run_that_a_claim_was_given_is_read(tmp_path: Path) -> None:
    stored(tmp_path, a=run(0), b=run(1), c=run(2))
    found = gather([given("REC-01", "a", "b", "c"), given("COL-01", "a", "b")], tmp_path)
    assert [len(found.claims[claim]) for claim in ("REC-01", "COL-01")] == [3, 2]
    assert [one.recipe.seed for one in found.runs(Experiment.IMAGES)] == [0, 1, 2]
    assert found.lost == 0
    assert found.runs(Experiment.SWEEP) == []


@pytest.mark.parametrize("content", [None, b"rubbish"])
def test_runs_that_are_gone_or_damaged_are_counted_and_left_out(content: bytes | None, tmp_path: Path) -> None:
    stored(tmp_path, a=run(0))
    if content is not None:
        (tmp_path / "b.run").write_bytes(content)
    found = gather([given("REC-01", "a", "b")], tmp_path)
    assert (found.lost, len(found.claims["REC-01"])) == (1, 1)
    blocked = tmp_path / "a.run" / "store"
    assert gather([given("REC-01", "a", "b")], blocked).lost == 2


def test_the_last_word_on_a_claims_runs_stands() -> None:
    state = RunState()
    for event in (given("REC-01", "a"), given("REC-01", "a", "b")):
        state.note(event)
    assert state.trained == {"REC-01": given("REC-01", "a", "b")}


def test_the_documents_figures_are_drawn_for_images() -> None:
    shown = exhibits(evidence())
    assert [one.name for one in shown] == [
        "training-curves",
        "reconstructions",
        "prior-samples",
        "latent-means",
        "codes-and-prior",
        "interpolation",
        "beta-comparison",
        "kl-per-dimension",
    ]
    for one in shown:
        assert one.missing == ""
        assert imread(io.BytesIO(one.content), format="png").std() > 0.01


def test_the_labs_figures_are_drawn_for_points() -> None:
    lab: list[Group] = [{Arm.OWN: run(1)}]
    shown = exhibits(Evidence({"TOY-01": lab}, {Experiment.LAB: lab}))
    assert [(one.name, bool(one.content)) for one in shown] == [("training-curves", True), ("lab", True)]
    gone: list[Group] = [{Arm.OWN: replace(run(1), points=None)}]
    assert "does not stay finite" in named(exhibits(Evidence({}, {Experiment.LAB: gone})))["lab"].missing


def test_a_training_that_diverged_leaves_its_curves_and_the_reason() -> None:
    shown = named(exhibits(evidence(DIVERGED)))
    assert shown["training-curves"].content
    for name in ("reconstructions", "prior-samples", "latent-means", "codes-and-prior", "interpolation", "beta-comparison"):
        assert shown[name].missing == "its loss does not stay finite (from step 7 on), so there is nothing to look at"
    ran_away = named(exhibits(evidence(replace(run(), observations=None))))
    assert "ran away" in ran_away["reconstructions"].missing


def test_a_loss_that_is_never_finite_leaves_no_curves() -> None:
    nothing = np.zeros(0)
    at_once = replace(DIVERGED, diverged_at=0, total=nothing, reconstruction=nothing, kl=nothing, analytic_kl=nothing)
    assert named(exhibits(evidence(at_once)))["training-curves"].missing == "its loss is not finite at the first step"


def test_codes_too_far_out_for_a_picture_leave_their_figures_out() -> None:
    seen = run()
    assert seen.observations is not None
    far = replace(seen.observations.pictures, codes=np.full((60, 4), np.inf), means=np.full((60, 4), np.inf))
    shown = named(exhibits(evidence(replace(seen, observations=replace(seen.observations, pictures=far)))))
    assert {shown[name].missing for name in ("codes-and-prior", "latent-means")} == {"its numbers have run away, and cannot be drawn"}
    assert shown["reconstructions"].content


def test_what_no_claim_was_asked_about_is_left_out_with_that_reason() -> None:
    images: list[Group] = [{Arm.OWN: run()}]
    shown = named(exhibits(Evidence({}, {Experiment.IMAGES: images})))
    assert "none of the claims that were asked" in shown["beta-comparison"].missing
    assert shown["reconstructions"].content
    assert shown["kl-per-dimension"].content
    assert "no longer in the store" in named(exhibits(Evidence({}, {Experiment.IMAGES: images}, lost=3)))["beta-comparison"].missing


def test_captions_speak_of_what_is_shown() -> None:
    beside = named(exhibits(evidence()))
    assert "its own autoencoder" in beside["reconstructions"].caption
    assert "its own autoencoder" in beside["prior-samples"].caption
    assert beside["latent-means"].caption.endswith("which training never saw.")
    own = run()
    given: list[Group] = [{Arm.OWN: replace(own, recipe=replace(own.recipe, steps=0), total=np.zeros(0))}]
    alone = named(exhibits(Evidence({}, {Experiment.IMAGES: given})))
    assert alone["reconstructions"].content
    for one in alone.values():
        assert "autoencoder" not in one.caption
        assert "training never saw" not in one.caption
        assert one.caption.endswith(".")
    assert alone["beta-comparison"].missing == alone["training-curves"].missing == WEIGHTS


def test_the_circles_hold_the_shares_of_the_prior_that_they_name() -> None:
    seen = run().observations
    assert seen is not None
    (panel,) = codes_and_prior({"VAE": seen.pictures}).axes
    radii = [patch.get_radius() for patch in panel.patches]
    draws = np.linalg.norm(np.random.default_rng(0).normal(size=(100_000, 2)), axis=1)
    assert [float((draws < radius).mean()) for radius in radii] == pytest.approx([0.5, 0.9, 0.99], abs=0.01)
    assert [text.get_text() for text in panel.texts] == ["50%", "90%", "99%"]


@pytest.mark.parametrize("latent", [1, 2, 5])
def test_codes_of_any_dimension_can_be_drawn(latent: int) -> None:
    seen = run().observations
    assert seen is not None
    codes = np.random.default_rng(0).normal(size=(60, latent)) * np.arange(1, latent + 1)
    (panel,) = codes_and_prior({"VAE": replace(seen.pictures, codes=codes, means=codes)}).axes
    (points,) = panel.collections
    assert np.array_equal(np.asarray(points.get_offsets())[:, 0], codes[:, -1])


def test_a_statistic_stands_beside_calibrated_implementations_and_its_borders() -> None:
    groups: list[Group] = [{Arm.OWN: run(0)}, {Arm.OWN: run(1)}]
    name = "held-out R2 from mu"
    (strip,) = strips(groups, {name: "> 0.2 and < 0.99", "seeds": 2, "unknown": "> 3"}, EVERYWHERE)
    assert [mark.value for mark in strip.seeds] == [0.65, 0.65]
    means = [spread.mean for spread in families(name).values()]
    assert [mark.value for mark in strip.sound] == means
    assert strip.low.value < min(means) < max(means) < strip.high.value
    assert [(border.value, border.above) for border in strip.borders] == [(0.2, True), (0.99, False)]
    marks = [*strip.seeds, *strip.sound, *strip.borders, strip.low, strip.high]
    assert all(0 < mark.place < 1 for mark in marks)
    in_order = sorted(marks, key=lambda mark: mark.value)
    assert [mark.place for mark in in_order] == sorted(mark.place for mark in marks)


def test_comparisons_are_shown_and_seeds_that_say_nothing_are_left_out() -> None:
    groups: list[Group] = [{Arm.OWN: run(0), Arm.AUTOENCODER: run(1)}, {Arm.OWN: DIVERGED, Arm.AUTOENCODER: run(1)}]
    expected = {"log of detail over the autoencoder's": "< -0.05"}
    (strip,) = strips(groups, expected, EVERYWHERE)
    assert len(strip.seeds) == 1
    assert strips(groups[1:], expected, EVERYWHERE) == []


def test_a_subject_is_compared_with_its_like() -> None:
    plain, learned = (
        alike(msgspec.structs.replace(BOUND.implementation, likelihood=likelihood, latent_dim=dimensions))
        for likelihood, dimensions in (("bernoulli", 16), ("gaussian", 2))
    )
    assert (plain.least_dimensions, plain.pixel_variance) == (5, False)
    assert (learned.least_dimensions, learned.pixel_variance) == (1, True)
    assert alike(None).least_dimensions == 1


def test_a_report_shows_what_the_store_holds(tmp_path: Path) -> None:
    stored(tmp_path, a=run(0), b=run(1))
    claim = verdict(
        "REC-01", Outcome.HOLDS, level=Level.EXPECTED, measured={"held-out R2 from mu": 0.65}, expected={"held-out R2 from mu": "> 0.2"}
    )
    options = replace(OPTIONS, store=str(tmp_path))
    trained = {"REC-01": given("REC-01", "a", "b", "gone")}
    state = RunState(BOUND, ("REC-01",), {"REC-01": claim}, trained=trained)
    text = render_html(assemble(state, options, duration_s=1.0))
    assert text.count("data:image/png;base64,") == 7
    assert 'class="seed"' in text
    assert "1 trained run cannot be read from the store any more" in text
    assert len(text) < 3_000_000
