"""Figures that compare variants of one training: betas, latent dimensions, likelihoods, remedies."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, FigureBase

from vae_conformance.report.figures.canvas import BLUE, CLASS_COLOURS, GREY, INK, canvas, show_images, styled
from vae_spec.evidence import LARGE_BETA, SMALL_BETA, Arm, Group, TrainedRun
from vae_spec.observations import Pictures
from vae_spec.statistics.comparisons import coverage
from vae_spec.statistics.functionals import FUNCTIONALS, Functional, held_out, observed

SHOWN = 6
BETAS: Mapping[str, float] = {str(Arm.SMALL): SMALL_BETA, str(Arm.OWN): 1.0, str(Arm.LARGE): LARGE_BETA}
"""The arms of the beta sweep, with the documents' betas."""

_LINEAR_UP_TO = 0.1
"""Nats below which a logarithmic axis becomes linear, so that it can show a KL of 0."""


squared_error = observed(lambda seen: seen.reconstructions.squared_error)
"""The squared error per held-out item, summed over pixels."""
held_out_kl = held_out(lambda seen: seen.analytic_kl)
"""The closed-form KL on held-out items in nats."""
sharpness = FUNCTIONALS["sharpness over the originals'"]
"""The Laplacian variance of reconstructions relative to that of the originals."""

_QUANTITIES: tuple[tuple[str, Functional], ...] = (
    ("squared error\nan item", squared_error),
    ("KL\nnats an item", held_out_kl),
    ("sharpness\nover the originals'", sharpness),
    ("coverage\nof prior samples", coverage),
)


Beside = Callable[[FigureBase, Mapping[str, Pictures]], None]
"""Draws what several models make of the same items, side by side."""


@styled
def beta_comparison(groups: Sequence[Group], beside: Beside | None = None) -> Figure:
    """Draw reconstructions and samples of the first seed at three betas, and metrics of all seeds (Deep Learning Notes 13.4.6).

    Images are drawn in rows, and anything else by `beside`. A metric that is not finite, such as the sharpness of rows, is left out.

    Raises:
        ValueError: there are no groups, or the first seed has no pictures.
    """
    if not groups:
        raise ValueError("the beta comparison needs at least one seed")
    pictures = {groups[0][arm].recipe.beta: groups[0][arm].observations for arm in BETAS if arm in groups[0]}
    shown = {beta: observations.pictures for beta, observations in pictures.items() if observations is not None}
    if not shown:
        raise ValueError("no run of the first seed shows pictures")
    figure = canvas(10, 7)
    upper, lower = figure.subfigures(2, 1, squeeze=False, height_ratios=(0.95 * (len(shown) + 1), 2.6)).ravel()
    (beside or _beside_the_originals)(upper, {f"β = {beta:.3g}": pictures for beta, pictures in shown.items()})
    known = [(name, quantity) for name, quantity in _QUANTITIES if beside is None or math.isfinite(quantity(groups[0][Arm.OWN]))]
    for ax, (name, quantity) in zip(lower.subplots(1, len(known)), known, strict=True):
        _over_beta(ax, groups, quantity)
        ax.set_title(name, fontsize=11)
    return figure


def _over_beta(ax: Axes, groups: Sequence[Group], quantity: Functional) -> None:
    """Plot one quantity against beta: a point per seed, and a line through the means."""
    arms = [arm for arm in BETAS if arm in groups[0]]
    values = np.array([[quantity(group[arm]) for arm in arms] for group in groups])
    places = np.arange(len(arms))
    for row in values:
        ax.plot(places, row, linestyle="none", marker="o", markersize=5, color=BLUE, alpha=0.5)
    ax.plot(places, values.mean(0), color=INK, linewidth=1.2)
    ax.set_xticks(places, [f"{groups[0][arm].recipe.beta:.3g}" for arm in arms])
    ax.set_xlabel("β")
    ax.set_xlim(-0.4, len(arms) - 0.6)
    ax.set_ylim(bottom=0)


def _beside_the_originals(figure: FigureBase, named: Mapping[str, Pictures]) -> None:
    """Draw the originals, and below them a row of reconstructions and of prior samples of each model."""
    axes = figure.subplots(len(named) + 1, 2)
    first = next(iter(named.values()))
    show_images(axes[0, 0], first.originals[:SHOWN], SHOWN, "Original", "reconstructions (z = mu)")
    # A white sheet above the samples, so that both columns keep their rows and their titles on one height.
    show_images(axes[0, 1], np.ones_like(first.originals[:SHOWN]), SHOWN, title="decoded draws from N(0, I)")
    for (left, right), (name, pictures) in zip(axes[1:], named.items(), strict=True):
        show_images(left, pictures.reconstructions[:SHOWN], SHOWN, name)
        show_images(right, pictures.samples[:SHOWN], SHOWN)


@styled
def variants(named: Mapping[str, Pictures], title: str) -> Figure:
    """Draw reconstructions and prior samples of several models, one row each, below the originals.

    Raises:
        ValueError: there are no models.
    """
    if not named:
        raise ValueError("a comparison needs at least one model")
    figure = canvas(10, 0.8 + 0.8 * (len(named) + 1))
    _beside_the_originals(figure, named)
    figure.suptitle(title)
    return figure


@styled
def collapse_curves(named: Mapping[str, TrainedRun]) -> Figure:
    """Plot the KL during training of the strong decoder, and the information in z about the items, by remedy (Deep Learning Notes 13.4.7).

    The notes of the runs hold "KL, nats" and "information, nats" on held-out items.

    Raises:
        ValueError: there are no runs.
    """
    if not named:
        raise ValueError("the figure of collapse needs at least one run")
    figure = canvas(10, 4)
    left, right = figure.subplots(1, 2)
    for (name, run), colour in zip(named.items(), CLASS_COLOURS, strict=False):
        window = min(25, len(run.kl))
        smooth = np.convolve(run.kl, np.ones(window) / window, mode="valid")
        left.plot(np.arange(len(smooth)) + window, smooth, color=colour, label=name, linewidth=1.6)
    left.set_xlabel("step")
    left.set_ylabel("KL, nats an item")
    left.set_yscale("symlog", linthresh=_LINEAR_UP_TO)
    left.set_ylim(0, 150)
    left.set_title("along the training (mean of 25 steps)")
    left.legend(fontsize=9, ncols=3, loc="upper center", columnspacing=1.0, handlelength=1.4)
    names = list(named)
    places = np.arange(len(names))[::-1]
    for offset, note, colour in ((0.2, "KL, nats", BLUE), (-0.2, "information, nats", GREY)):
        values = [max(named[name].notes.get(note, 0.0), 0.0) for name in names]
        bars = right.barh(places + offset, values, height=0.38, color=colour, label=note.replace(", nats", ""))
        right.bar_label(bars, [f"{value:.2g}" for value in values], padding=3, fontsize=9)
    right.set_yticks(places, names)
    right.set_xscale("symlog", linthresh=_LINEAR_UP_TO)
    right.set_xlim(0, 150)
    right.set_xlabel("nats an item")
    right.set_title("on held-out items")
    right.grid(visible=False, axis="y")
    right.legend(loc="upper right")
    return figure
