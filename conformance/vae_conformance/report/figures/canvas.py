"""The style that all figures share: an off-screen canvas, colours that colour-blind readers can distinguish, and mosaics of images.

Nothing here depends on what is shown. Figures are created with `matplotlib.figure.Figure` directly, so they share no state.
"""

from __future__ import annotations

import functools
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ParamSpec

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

Array = NDArray[np.float64]
P = ParamSpec("P")

DPI = 80
BLUE, VERMILION, GREEN, ORANGE, SKY, PURPLE = "#0072B2", "#D55E00", "#009E73", "#E69F00", "#56B4E9", "#CC79A7"
"""The colours of Okabe and Ito."""
INK, GREY = "#222222", "#6E6E6E"
CLASS_COLOURS = (BLUE, VERMILION, GREEN, ORANGE, SKY, PURPLE, INK, "#882255", "#999933", "#6E6E6E")
"""Colours of classes, which also differ in their markers."""

_STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 11,
    "axes.titlesize": 12,
    "axes.labelsize": 11,
    "axes.labelcolor": INK,
    "axes.edgecolor": GREY,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E6E6E6",
    "grid.linewidth": 0.8,
    "xtick.color": INK,
    "ytick.color": INK,
    "text.color": INK,
    "lines.linewidth": 1.8,
    "legend.frameon": False,
    "legend.fontsize": 10,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
}


@contextmanager
def style() -> Iterator[None]:
    """Apply the shared style within the block, on top of matplotlib's default settings."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_STYLE)
        yield


def styled(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Wrap a function that draws, so that it runs within `style`."""

    @functools.wraps(draw)
    def in_style(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with style():
            return draw(*args, **kwargs)

    return in_style


def canvas(width: float, height: float) -> Figure:
    """Return an empty figure of the given size in inches, which needs no display."""
    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def png(figure: Figure, dpi: int = DPI) -> bytes:
    """Encode a figure as PNG, deterministically."""
    buffer = io.BytesIO()
    with style():
        figure.savefig(buffer, format="png", dpi=dpi, metadata={"Software": None})
    return buffer.getvalue()


def mosaic(images: Array, columns: int) -> Array:
    """Arrange images in rows, separated by one white pixel.

    Args:
        images: of shape (items, height, width) or (items, height, width, 3), in [0, 1].
        columns: images per row.

    Raises:
        ValueError: there are no images.
    """
    if not len(images):
        raise ValueError("a mosaic needs at least one image")
    rows = -(-len(images) // columns)
    height, width, *colour = images.shape[1:]
    sheet = np.ones((rows * (height + 1) - 1, columns * (width + 1) - 1, *colour))
    for index, image in enumerate(images):
        top, left = (index // columns) * (height + 1), (index % columns) * (width + 1)
        sheet[top : top + height, left : left + width] = image
    return sheet


def show_images(ax: Axes, images: Array, columns: int, label: str = "", title: str = "") -> None:
    """Draw a mosaic without ticks, from black (0) to white (1) regardless of the images' range, with a label at its left."""
    ax.imshow(np.clip(mosaic(images, columns), 0, 1), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    ax.set_xticks([])
    ax.set_yticks([])
    ax.grid(visible=False)
    for spine in ax.spines.values():
        spine.set_visible(False)
    if label:
        ax.set_ylabel(label, rotation=0, ha="right", va="center", labelpad=8)
    if title:
        ax.set_title(title)
