"""The latents of held-out items compared with the prior N(0, I)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from vae_conformance.report.figures.canvas import BLUE, INK, Array, canvas, styled
from vae_spec.observations import Pictures

SHARES = (0.5, 0.9, 0.99)
"""Probability mass of a two-dimensional N(0, I) within each circle."""
_LEAST_REACH = 3.4
"""Minimum half width of a panel: the largest circle with a margin."""

_CROWDED = 8.0
"""Half width from which the circles are too close together for labels."""
_BEHIND = {"facecolor": "white", "edgecolor": "none", "alpha": 0.7, "pad": 0.5}
"""The box that keeps a circle's label readable among points."""


@styled
def codes_and_prior(named: Mapping[str, Pictures]) -> Figure:
    """Plot one posterior draw per item in the two dimensions that vary most, with circles that contain known shares of N(0, I).

    Each model has its own scale: nothing limits the spread of an autoencoder's latents.

    Raises:
        ValueError: there are no models, or latents are not finite.
    """
    if not named:
        raise ValueError("a figure of codes needs at least one model")
    figure = canvas(min(max(4.6 * len(named), 6.4), 10), 4.6)
    for ax, (name, pictures) in zip(figure.subplots(1, len(named), squeeze=False).ravel(), named.items(), strict=True):
        _panel(ax, name, pictures)
    figure.suptitle("Codes of held-out items (points) and N(0, I) (circles)")
    return figure


def _panel(ax: Axes, name: str, pictures: Pictures) -> None:
    codes = np.asarray(pictures.codes, dtype=np.float64)
    if not np.isfinite(codes).all():
        raise ValueError("the codes are not finite")
    places, names = _two_dimensions(codes, np.asarray(pictures.means, dtype=np.float64))
    ax.scatter(places[:, 0], places[:, 1], s=9, color=BLUE, alpha=0.5, linewidths=0)
    reach = max(_LEAST_REACH, 1.08 * float(np.abs(places).max()))
    for share in SHARES:
        # |z|^2 is chi-squared with two degrees of freedom: P(|z| < r) = 1 - exp(-r^2 / 2)
        radius = float(np.sqrt(-2 * np.log1p(-share)))
        ax.add_patch(Circle((0, 0), radius, fill=False, color=INK, linestyle="--", linewidth=1.0))
        if reach < _CROWDED:
            ax.annotate(f"{share:.0%}", (0, radius), ha="center", va="bottom", fontsize=9, bbox=_BEHIND)
    ax.set_xlim(-reach, reach)
    ax.set_ylim(-reach, reach)
    ax.set_aspect("equal")
    ax.set_xlabel(names[0])
    ax.set_ylabel(names[1])
    ax.set_title(name)


def _two_dimensions(codes: Array, means: Array) -> tuple[Array, tuple[str, str]]:
    """Return the two dimensions whose means vary most; a single dimension is plotted against the items' order, which carries no meaning."""
    if codes.shape[1] == 1:
        return np.column_stack([codes[:, 0], np.linspace(-1, 1, len(codes))]), ("z1", "order of the items")
    first, second = np.argsort(means.var(0))[::-1][:2]
    return codes[:, [first, second]], (f"z{first + 1}", f"z{second + 1}")
