"""Figures of the tiny two-dimensional lab (VAE Basics 6.6.3): its points, latent means and decoded line."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from vae_conformance.report.figures.canvas import BLUE, GREY, INK, VERMILION, Array, canvas, styled
from vae_spec.observations import PointObservations

_HALVES = ((BLUE, "o"), (VERMILION, "^"))
_REACH = (1.8, 1.35)


@styled
def lab(data: Array, observed: PointObservations) -> Figure:
    """Draw the training points with decoded draws from N(0, I), the latent means, and the decoded line.

    The training points, of shape (points, 2), are ordered by cluster.
    """
    figure = canvas(12, 3.4)
    left, middle, right = figure.subplots(1, 3)
    _generated(left, data, observed)
    left.legend(loc="upper center", markerscale=1.5, ncols=2, fontsize=9)
    left.set_title("points and decoded draws from N(0, I)")
    _means(middle, observed)
    middle.set_title("means, by cluster; dashed: |z| = 1")
    _line(right, data, observed)
    right.set_title("decoded line from -2 to 2")
    return figure


@styled
def lab_variants(data: Array, named: Mapping[str, PointObservations]) -> Figure:
    """Draw the decoded draws and latent means of several trained models, one column each.

    Raises:
        ValueError: there are no models.
    """
    if not named:
        raise ValueError("a comparison needs at least one model")
    figure = canvas(4 * len(named), 5.8)
    axes = figure.subplots(2, len(named), squeeze=False)
    for column, (name, observed) in enumerate(named.items()):
        _generated(axes[0, column], data, observed)
        _means(axes[1, column], observed)
        axes[0, column].set_title(name)
    axes[0, 0].legend(loc="upper center", markerscale=1.5, ncols=2, fontsize=9)
    return figure


def _plane(ax: Axes, reach: tuple[float, float], names: tuple[str, str]) -> None:
    ax.set_xlim(-reach[0], reach[0])
    ax.set_ylim(-reach[1], reach[1])
    ax.set_aspect("equal")
    ax.set_xlabel(names[0])
    ax.set_ylabel(names[1], labelpad=0)


def _generated(ax: Axes, data: Array, observed: PointObservations) -> None:
    ax.scatter(data[:, 0], data[:, 1], s=14, color=GREY, marker="x", linewidths=0.9, alpha=0.6, label="training points")
    ax.scatter(observed.generated[:, 0], observed.generated[:, 1], s=9, color=VERMILION, alpha=0.55, linewidths=0, label="decoded draws")
    _plane(ax, _REACH, ("x1", "x2"))


def _means(ax: Axes, observed: PointObservations) -> None:
    """Plot the latent means by cluster in their first two dimensions, with the prior's circle of one standard deviation."""
    means = observed.means[:, :2] if observed.means.shape[1] > 1 else np.column_stack([observed.means[:, 0], np.zeros(len(observed.means))])
    half = len(means) // 2
    for points, (colour, marker) in zip((means[:half], means[half:]), _HALVES, strict=True):
        ax.scatter(points[:, 0], points[:, 1], s=14, color=colour, marker=marker, alpha=0.6, linewidths=0)
    ax.add_patch(Circle((0, 0), 1, fill=False, color=GREY, linestyle="--"))
    reach = max(2.0, 1.08 * float(np.abs(means).max()))
    _plane(ax, (reach * _REACH[0] / _REACH[1], reach), ("z1", "z2"))


def _line(ax: Axes, data: Array, observed: PointObservations) -> None:
    ax.scatter(data[:, 0], data[:, 1], s=12, color="#BDBDBD", marker="x", linewidths=0.8)
    ax.plot(observed.line[:, 0], observed.line[:, 1], color=INK, linewidth=1)
    along = np.linspace(-2, 2, len(observed.line))
    points = ax.scatter(observed.line[:, 0], observed.line[:, 1], c=along, cmap="cividis", s=26, zorder=3)
    figure = ax.get_figure()
    assert figure is not None
    figure.colorbar(points, ax=ax, label="place on the active axis", shrink=0.7)
    _plane(ax, _REACH, ("x1", "x2"))
