"""Figures of models of rows and series, from made-up evidence: each is drawn, and shows what it says."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from evidence_samples import groups
from matplotlib.figure import Figure

from vae_conformance.report.figures.gallery import exhibits
from vae_conformance.report.figures.rows_and_series import (
    interpolated_rows,
    plane,
    reconstructed_rows,
    reconstructed_series,
    sampled_rows,
    sampled_series,
)
from vae_conformance.report.figures.stored_runs import Evidence
from vae_spec.claim import Experiment
from vae_spec.evidence import Group
from vae_spec.observations import Pictures
from vae_spec.subject import InputKind

NUMBERS = np.random.default_rng(0)
SHAPES = {InputKind.ROW: (40, 12), InputKind.SERIES: (40, 24, 2)}
LABELS = np.arange(40, dtype=np.int64) % 2


def pictures(kind: InputKind) -> Pictures:
    originals, noise, samples = NUMBERS.normal(size=(3, *SHAPES[kind]))
    codes = NUMBERS.normal(size=(40, 4))
    return Pictures(originals, originals + 0.1 * noise, samples, samples[:11], codes, codes, LABELS)


def of_kind(found: Group, kind: InputKind) -> Group:
    """The same runs on rows or series, which have no sharpness."""
    name = "rows" if kind is InputKind.ROW else "waves"
    made = {}
    for arm, run in found.items():
        assert run.observations is not None
        blurred = replace(run.observations.reconstructions, laplacian=math.nan)
        seen = replace(run.observations, pictures=pictures(kind), reconstructions=blurred)
        made[arm] = replace(run, recipe=replace(run.recipe, dataset=name), observations=seen)
    return made


def evidence(kind: InputKind) -> Evidence:
    asked = (Experiment.CONTRAST, Experiment.SWEEP)
    return Evidence(experiments={str(one): [of_kind(group, kind) for group in groups(one, 2)] for one in asked})


def scattered(figure: Figure, panel: int, which: int) -> np.ndarray:
    return np.asarray(figure.axes[panel].collections[which].get_offsets())


@pytest.mark.parametrize("kind", [InputKind.ROW, InputKind.SERIES])
def test_every_figure_of_the_report_is_drawn(kind: InputKind) -> None:
    found = evidence(kind)
    assert found.kind is kind
    shown = exhibits(found)
    assert [one.missing for one in shown] == [""] * len(shown)
    assert all(one.content.startswith(b"\x89PNG") for one in shown)
    captions = " ".join(one.caption for one in shown)
    assert ("rows" if kind is InputKind.ROW else "series") in captions
    assert not any(one.photographic for one in shown), "nothing here is black and white"


def test_the_plane_is_that_of_the_two_largest_components() -> None:
    rows = NUMBERS.normal(size=(500, 3)) * np.array([1.0, 5.0, 3.0])
    mean, directions, shares = plane(rows)
    np.testing.assert_allclose(mean, rows.mean(0))
    np.testing.assert_allclose(np.abs(directions), [[0, 0], [1, 0], [0, 1]], atol=0.15)
    np.testing.assert_allclose(shares, np.array([25, 9]) / 35, atol=0.05)


def test_rows_and_what_is_made_of_them_are_in_one_plane() -> None:
    seen = pictures(InputKind.ROW)
    mean, directions, _shares = plane(seen.originals)
    for draw, values in ((reconstructed_rows, seen.reconstructions), (sampled_rows, seen.samples), (interpolated_rows, seen.strip)):
        figure = draw({"VAE": seen})
        np.testing.assert_allclose(scattered(figure, 0, 0), (seen.originals - mean) @ directions)
        np.testing.assert_allclose(scattered(figure, 0, 1), (values - mean) @ directions)


def test_a_reconstructed_series_is_dashed_over_its_own() -> None:
    seen = pictures(InputKind.SERIES)
    figure = reconstructed_series({"VAE": seen, "Autoencoder": seen})
    assert len(figure.axes) == 10
    lines = figure.axes[2].lines
    assert [line.get_linestyle() for line in lines] == ["--", "--", "-", "-"]
    np.testing.assert_array_equal(lines[1].get_ydata(), seen.reconstructions[2][:, 1])
    np.testing.assert_array_equal(lines[3].get_ydata(), seen.originals[2][:, 1])


def test_sampled_series_are_below_held_out_ones() -> None:
    seen = pictures(InputKind.SERIES)
    figure = sampled_series({"VAE": seen})
    np.testing.assert_array_equal(figure.axes[0].lines[0].get_ydata(), seen.originals[0][:, 0])
    np.testing.assert_array_equal(figure.axes[8].lines[0].get_ydata(), seen.samples[0][:, 0])
