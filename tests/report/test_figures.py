"""The figures: what they show of the evidence, where they refuse, and that they are the same each time and leave no trace."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread
from trained_samples import held_out, pictures, points, run

from vae_conformance.report.figures.canvas import CLASS_COLOURS, DPI, canvas, mosaic, png
from vae_conformance.report.figures.comparison import BETAS, beta_comparison, collapse_curves, variants
from vae_conformance.report.figures.images import (
    EMBEDDED,
    embedded,
    interpolation,
    kl_per_dimension,
    latent_means,
    prior_samples,
    reconstructions,
    training_curves,
)
from vae_conformance.report.figures.lab import lab, lab_variants
from vae_spec.evidence import Arm, TrainedRun


def swept(found: TrainedRun) -> dict[str, TrainedRun]:
    """The same run at the betas of the sweep."""
    return {arm: replace(found, recipe=replace(found.recipe, beta=beta)) for arm, beta in BETAS.items()}


POINTS = np.random.default_rng(0).normal(size=(256, 2))

DRAWN: dict[str, Callable[[], Figure]] = {
    "curves": lambda: training_curves([run(seed=0), run(seed=1)]),
    "reconstructions": lambda: reconstructions(pictures(0), pictures(1)),
    "samples": lambda: prior_samples(pictures(0), pictures(1)),
    "means": lambda: latent_means({"VAE": pictures(0)}),
    "interpolation": lambda: interpolation(pictures(0)),
    "beta": lambda: beta_comparison([swept(run(seed=seed)) for seed in (0, 1)]),
    "KL": lambda: kl_per_dimension({"own": run()}),
    "variants": lambda: variants({"one": pictures(0), "two": pictures(1)}, "two models"),
    "collapse": lambda: collapse_curves({"none": run(notes={"KL, nats": 0.1, "information, nats": 0.0})}),
    "lab": lambda: lab(POINTS, points()),
    "lab variants": lambda: lab_variants(POINTS, {"a": points(), "b": points()}),
}


def texts(figure: Figure) -> list[str]:
    """Everything that is written in a figure, its subfigures among them."""
    return [one.get_text() for one in figure.findobj(mpl.text.Text) if one.get_text()]


@pytest.mark.parametrize("name", DRAWN)
def test_a_figure_is_a_picture_with_something_on_it_and_the_same_each_time(name: str) -> None:
    first = png(DRAWN[name]())
    pixels = imread(io.BytesIO(first), format="png")[..., :3]
    assert min(pixels.shape[:2]) >= 100
    assert pixels.shape[1] <= 13 * DPI
    assert 0.001 < (pixels < 0.9).any(axis=2).mean() < 0.9
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    assert (border > 0.99).all(), "something is cut off at the edge"
    assert png(DRAWN[name]()) == first


def test_the_settings_of_matplotlib_stay_as_they_were() -> None:
    with mpl.rc_context({"font.size": 37.0}):
        before = dict(mpl.rcParams)
        first = png(training_curves([run()]))
        assert dict(mpl.rcParams) == before
    assert png(training_curves([run()])) == first


def test_curves_are_linear_and_logarithmic_and_a_kl_below_zero_is_left_out_of_the_latter() -> None:
    one = run()
    one = replace(one, kl=np.where(np.arange(len(one.kl)) == 3, -0.5, one.kl))
    linear, log = training_curves([one, run(seed=1)]).axes
    assert (linear.get_yscale(), log.get_yscale()) == ("linear", "log")
    assert {line.get_label() for line in linear.lines} >= {"total", "reconstruction", "KL"}
    assert len(linear.lines) == len(log.lines) == 6
    (kl,) = [line for line in log.lines if line.get_label() == "KL"]
    drawn = np.asarray(kl.get_ydata())
    assert np.isnan(drawn[3])
    assert np.array_equal(np.delete(drawn, 3), np.delete(one.kl, 3))


def test_one_step_far_beyond_the_rest_does_not_flatten_the_curves() -> None:
    one = run(steps=4000)
    spiked = replace(one, total=np.where(np.arange(4000) == 0, 1e6, one.total))
    assert training_curves([spiked]).axes[0].get_ylim()[1] < 10 * one.total.max()


def test_the_first_run_is_the_bold_one() -> None:
    ax = training_curves([run(seed=0), run(seed=1), run(seed=2)]).axes[0]
    widths = [line.get_linewidth() for line in ax.lines if line.get_label() in {"total", "reconstruction", "KL"}]
    assert min(widths) > max(line.get_linewidth() for line in ax.lines if str(line.get_label()).startswith("_"))


def test_a_mosaic_keeps_every_image_in_its_place() -> None:
    images = np.arange(5)[:, None, None] / 10 * np.ones((5, 3, 4))
    sheet = mosaic(images, 2)
    assert sheet.shape == (3 * 4 - 1, 2 * 5 - 1)
    assert np.array_equal(sheet[4:7, 5:9], images[3])
    assert (sheet[3] == 1).all()
    assert (sheet[8:, 5:] == 1).all()
    assert mosaic(np.zeros((2, 3, 4, 3)), 2).shape == (3, 9, 3)


def test_images_are_shown_between_black_and_white_whatever_they_hold() -> None:
    dim = replace(pictures(0), originals=np.full((10, 8, 8), 0.3), reconstructions=np.full((10, 8, 8), 0.3))
    for ax in reconstructions(dim).axes:
        (image,) = ax.images
        assert image.get_clim() == (0, 1)


def test_rows_are_named() -> None:
    assert {"Original", "VAE", "Autoencoder"} <= set(texts(reconstructions(pictures(0), pictures(1))))
    assert "Autoencoder" not in texts(reconstructions(pictures(0)))
    assert {"β = 0.1", "β = 1", "β = 4"} <= set(texts(DRAWN["beta"]()))


def test_the_betas_of_a_figure_are_those_that_were_trained() -> None:
    large = {Arm.LARGE: replace(run(), recipe=replace(run().recipe, beta=20.898))}
    written = texts(beta_comparison([swept(run()) | large]))
    assert "β = 20.9" in written
    assert "β = 4" not in written


def test_the_beta_comparison_shows_every_seed_and_the_mean() -> None:
    groups = [{arm: run(seed=seed, squared_error=10 * place + seed) for place, arm in enumerate(BETAS, 1)} for seed in (0, 2)]
    ax = next(ax for ax in beta_comparison(groups).axes if ax.get_title().startswith("squared error"))
    drawn = [np.asarray(line.get_ydata()).tolist() for line in ax.lines]
    assert drawn == [[10, 20, 30], [12, 22, 32], [11, 21, 31]]


@pytest.mark.parametrize("latent", [1, 2])
def test_codes_of_one_or_two_dimensions_are_drawn_as_they_are(latent: int) -> None:
    means = np.random.default_rng(0).normal(size=(600, latent))
    places = embedded(means)
    assert places.shape == (EMBEDDED, 2)
    assert np.array_equal(places[:, :latent], means[:EMBEDDED])


def test_codes_of_more_dimensions_keep_their_clusters_and_come_out_the_same() -> None:
    generator = np.random.default_rng(0)
    means = np.concatenate([generator.normal(size=(40, 8)), generator.normal(size=(40, 8)) + 30])
    places = embedded(means)
    centres = places[:40].mean(0), places[40:].mean(0)
    nearer = np.linalg.norm(places - centres[0], axis=1) < np.linalg.norm(places - centres[1], axis=1)
    assert nearer[:40].all()
    assert not nearer[40:].any()
    assert np.array_equal(embedded(means), places)


def test_codes_that_have_collapsed_to_one_point_can_be_drawn() -> None:
    figure = latent_means({"collapsed": replace(pictures(0), means=np.zeros((60, 5)))})
    assert len(png(figure)) > 1000


def test_classes_are_told_apart_by_colour_and_by_marker() -> None:
    panel = latent_means({"VAE": pictures(0)}).axes[0]
    looks = {(tuple(one.get_facecolor()[0][:3]), one.get_paths()[0].vertices.tobytes()) for one in panel.collections}
    assert len(panel.collections) == len(looks) == len(np.unique(pictures(0).labels))
    assert len({colour for colour, _marker in looks}) == len({marker for _colour, marker in looks}) == len(looks)
    assert len(set(CLASS_COLOURS)) == 10


def test_dimensions_stand_in_the_order_of_their_kl() -> None:
    ax = kl_per_dimension({"own": replace(run(), held_out=held_out(kl=[0.1, 2.0, 0.5]))}).axes[0]
    assert [bar.get_height() for bar in ax.patches] == [2.0, 0.5, 0.1]
    assert ax.get_title() == "own: 2.6 nats"


def test_a_run_that_diverged_is_left_out() -> None:
    diverged = replace(run(), held_out=None, observations=None)
    assert len(kl_per_dimension({"own": run(), "gone": diverged}).axes) == 1
    groups = [swept(run()) | {str(Arm.SMALL): swept(diverged)[Arm.SMALL]}]
    assert "β = 0.1" not in texts(beta_comparison(groups))


@pytest.mark.parametrize(
    "draw",
    [
        lambda: training_curves([]),
        lambda: latent_means({}),
        lambda: kl_per_dimension({"gone": replace(run(), held_out=None)}),
        lambda: beta_comparison([]),
        lambda: beta_comparison([swept(replace(run(), observations=None))]),
        lambda: variants({}, "none"),
        lambda: collapse_curves({}),
        lambda: lab_variants(POINTS, {}),
        lambda: mosaic(np.zeros((0, 3, 3)), 2),
    ],
)
def test_where_there_is_nothing_to_draw_it_says_so(draw: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=r"at least one|no run"):
        draw()


def test_a_figure_needs_no_display() -> None:
    assert type(canvas(1, 1).canvas).__name__ == "FigureCanvasAgg"
