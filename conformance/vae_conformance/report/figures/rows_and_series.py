"""Figures of models trained on rows, in the plane of the data's principal components, and on series, as lines over time.

Rows have the shape (items, columns) and series (items, length, channels), in the units of `vae_spec.observations.Pictures`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, FigureBase

from vae_conformance.report.figures.canvas import BLUE, CLASS_COLOURS, GREY, VERMILION, Array, canvas, styled
from vae_spec.observations import Pictures

SERIES_SHOWN, SAMPLES_SHOWN = 5, 8
"""Numbers of series in a figure: reconstructed ones, and prior samples."""
_POINT = {"s": 12, "alpha": 0.6, "linewidths": 0}


def plane(rows: Array) -> tuple[Array, Array, Array]:
    """Return the mean of rows, their first two principal directions of shape (columns, 2), and the share of variance along each."""
    centred = rows - rows.mean(0)
    _left, values, directions = np.linalg.svd(centred, full_matrices=False)
    return rows.mean(0), directions[:2].T, values[:2] ** 2 / np.square(values).sum()


def _panels(figure: FigureBase, count: int) -> Sequence[Axes]:
    return list(figure.subplots(1, count, squeeze=False, sharex=True, sharey=True).ravel())


def _in_plane(ax: Axes, rows: Array, like: Array, *, name: str, shown: str, colour: str, marker: str = "o") -> Array:
    """Plot held-out rows and others in the plane of the held-out ones, and return the places of the others."""
    mean, directions, shares = plane(like)
    real, places = (like - mean) @ directions, (rows - mean) @ directions
    ax.scatter(real[:, 0], real[:, 1], color=GREY, marker="x", s=14, linewidths=0.9, alpha=0.6, label="held-out items")
    ax.scatter(places[:, 0], places[:, 1], color=colour, marker=marker, label=shown, **_POINT)  # type: ignore[arg-type]
    ax.set_xlabel(f"first component ({shares[0]:.0%} of the variance)")
    ax.set_title(name)
    return np.asarray(places)


@styled
def reconstructed_rows(named: Mapping[str, Pictures]) -> Figure:
    """Plot held-out rows and their reconstructions in the data's plane, each joined with its own by a line."""
    figure = canvas(5.4 * len(named), 4.6)
    panels = _panels(figure, len(named))
    for ax, (name, seen) in zip(panels, named.items(), strict=True):
        back = _in_plane(ax, seen.reconstructions, seen.originals, name=name, shown="reconstructions", colour=BLUE)
        mean, directions, _shares = plane(seen.originals)
        for start, end in zip((seen.originals - mean) @ directions, back, strict=True):
            ax.plot(*np.array([start, end]).T, color=GREY, linewidth=0.6, alpha=0.6)
    _finish(figure, panels, "Held-out rows and their reconstructions (z = mu), in the plane of their principal components")
    return figure


@styled
def sampled_rows(named: Mapping[str, Pictures]) -> Figure:
    """Plot decoded draws from N(0, I) and held-out rows in the data's plane."""
    figure = canvas(5.4 * len(named), 4.6)
    _samples_in_plane(figure, named)
    figure.suptitle("Decoded draws from N(0, I), in the plane of the held-out rows' principal components")
    return figure


def _samples_in_plane(figure: FigureBase, named: Mapping[str, Pictures]) -> None:
    panels = _panels(figure, len(named))
    for ax, (name, seen) in zip(panels, named.items(), strict=True):
        _in_plane(ax, seen.samples, seen.originals, name=name, shown="decoded draws", colour=VERMILION)
    _finish(figure, panels)


@styled
def interpolated_rows(named: Mapping[str, Pictures]) -> Figure:
    """Plot the decoded line between the means of two held-out rows of different classes in the data's plane."""
    figure = canvas(5.4 * len(named), 4.6)
    panels = _panels(figure, len(named))
    for ax, (name, seen) in zip(panels, named.items(), strict=True):
        path = _in_plane(ax, seen.strip, seen.originals, name=name, shown="decoded line", colour=VERMILION)
        ax.plot(*path.T, color=VERMILION, linewidth=1)
    _finish(figure, panels, "Decoded straight line between the means of two rows")
    return figure


def _finish(figure: FigureBase, panels: Sequence[Axes], title: str = "") -> None:
    panels[0].set_ylabel("second component")
    panels[0].legend(loc="best", fontsize=9, markerscale=1.4)
    if title:
        figure.suptitle(title)


def _lines(ax: Axes, series: Array, *, dashed: bool = False) -> None:
    """Draw one series over its steps, a colour for each channel."""
    for channel, colour in zip(np.moveaxis(series, 1, 0), CLASS_COLOURS, strict=False):
        ax.plot(channel, color=colour, linewidth=1.4, linestyle="--" if dashed else "-", alpha=1.0 if dashed else 0.55)


def _series_row(axes: Sequence[Axes], series: Array, label: str, over: Array | None = None) -> None:
    for ax, item in zip(axes, series, strict=True):
        _lines(ax, item, dashed=over is not None)
        ax.set_xticks([])
    for ax, item in zip(axes, () if over is None else over, strict=over is not None):
        _lines(ax, item)
    axes[0].set_ylabel(label)


def _series_rows(named: Mapping[str, tuple[Array, Array | None]], title: str) -> Figure:
    """Draw a row of series for each name; of a pair, the first is dashed and drawn over the second."""
    columns = len(next(iter(named.values()))[0])
    figure = canvas(max(10, columns), 1.1 + 1.5 * len(named))
    axes = figure.subplots(len(named), columns, squeeze=False, sharex=True, sharey=True)
    for row, (name, (series, over)) in zip(axes, named.items(), strict=True):
        _series_row(row, series, name, over)
    figure.suptitle(title)
    return figure


@styled
def reconstructed_series(named: Mapping[str, Pictures]) -> Figure:
    """Draw held-out series, and their reconstructions dashed over them; a colour for each channel."""
    rows = {name: (seen.reconstructions[:SERIES_SHOWN], seen.originals[:SERIES_SHOWN]) for name, seen in named.items()}
    return _series_rows(rows, "Held-out series (lines) and their reconstructions (dashed, z = mu)")


@styled
def sampled_series(named: Mapping[str, Pictures]) -> Figure:
    """Draw decoded draws from N(0, I), below held-out series."""
    held_out = next(iter(named.values())).originals[:SAMPLES_SHOWN]
    rows: dict[str, tuple[Array, Array | None]] = {"held out": (held_out, None)}
    return _series_rows(rows | {name: (seen.samples[:SAMPLES_SHOWN], None) for name, seen in named.items()}, "Decoded draws from N(0, I)")


@styled
def interpolated_series(named: Mapping[str, Pictures]) -> Figure:
    """Draw the decoded line between the means of two held-out series of different classes."""
    return _series_rows({name: (seen.strip, None) for name, seen in named.items()}, "Decoded straight line between the means of two series")


def rows_by_weight(figure: FigureBase, named: Mapping[str, Pictures]) -> None:
    """Draw the samples of each model in the plane of the held-out rows."""
    _samples_in_plane(figure, named)
    figure.suptitle("decoded draws from N(0, I)")


def series_by_weight(figure: FigureBase, named: Mapping[str, Pictures]) -> None:
    """Draw reconstructions over originals at the left, and prior samples at the right, a row for each model."""
    half = SERIES_SHOWN - 2
    axes = figure.subplots(len(named), 2 * half, squeeze=False, sharex=True, sharey=True)
    for row, (name, seen) in zip(axes, named.items(), strict=True):
        _series_row(row[:half], seen.reconstructions[:half], name, seen.originals[:half])
        _series_row(row[half:], seen.samples[:half], "")
    axes[0, 0].set_title("reconstructions (dashed)", loc="left", fontsize=11)
    axes[0, half].set_title("decoded draws from N(0, I)", loc="left", fontsize=11)
