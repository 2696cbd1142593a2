"""Figures of models trained on images: training curves, reconstructions, prior samples, latent means and interpolation.

Each function turns records of experiments (`vae_spec.evidence`, `vae_spec.observations`) into a figure; none measures, judges or writes a
file. Comparisons over beta and variants are in `comparison`, figures of the tiny lab in `lab`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from threadpoolctl import threadpool_limits

from vae_conformance.report.figures.canvas import BLUE, CLASS_COLOURS, GREEN, INK, VERMILION, Array, canvas, show_images, styled
from vae_conformance.report.wording import count
from vae_spec.evidence import TrainedRun
from vae_spec.observations import Pictures

EMBEDDED = 500
"""Number of latent means that t-SNE embeds: enough to see classes, few enough to take seconds."""
PERPLEXITY = 30.0
GRID_COLUMNS = 8
AUTOENCODER = "Autoencoder"
CURVES = (("total", "total", INK), ("reconstruction", "reconstruction", BLUE), ("kl", "KL", VERMILION))
"""Attribute of the run, name in the legend, colour."""
_MARKERS = "os^Dv<>Php"


@styled
def training_curves(runs: Sequence[TrainedRun], unit: str = "nats an item") -> Figure:
    """Plot total, reconstruction and KL over the steps, on linear and logarithmic scales (Deep Learning Notes 13.4.1.3).

    There is one run a seed; the first is drawn boldly, the others faintly.

    Raises:
        ValueError: there are no runs.
    """
    if not runs:
        raise ValueError("training curves need at least one run")
    figure = canvas(10, 4)
    axes = figure.subplots(1, 2)
    for ax, scale in zip(axes, ("linear", "log"), strict=True):
        for run in (*runs[1:], runs[0]):
            _curves(ax, run, bold=run is runs[0], positive=scale == "log")
        ax.set_yscale(scale)
        ax.set_xlabel("step")
        ax.set_title(f"{scale} scale")
    axes[0].set_ylabel(unit)
    axes[0].set_ylim(*_linear_limits(runs))
    axes[0].legend(loc="upper right")
    figure.suptitle(_seeds(runs))
    return figure


def _curves(ax: Axes, run: TrainedRun, *, bold: bool, positive: bool) -> None:
    for attribute, name, colour in CURVES:
        curve = getattr(run, attribute)
        shown = np.where(curve > 0, curve, np.nan) if positive else curve
        steps = np.arange(1, len(curve) + 1)
        if bold:
            ax.plot(steps, shown, color=colour, linewidth=1.5, label=name)
        else:
            ax.plot(steps, shown, color=colour, linewidth=0.8, alpha=0.25)


def _linear_limits(runs: Sequence[TrainedRun]) -> tuple[float, float]:
    """Return limits that show all curves except for outlying steps."""
    values = np.concatenate([getattr(run, attribute) for run in runs for attribute, _name, _colour in CURVES])
    finite = values[np.isfinite(values)]
    if not len(finite):
        return 0.0, 1.0
    low, high = min(0.0, float(np.quantile(finite, 0.001))), float(np.quantile(finite, 0.9995))
    return low, high + 0.05 * max(high - low, 1e-9)


def _seeds(runs: Sequence[TrainedRun]) -> str:
    others = f"; {count(len(runs) - 1, 'more seed')} faintly" if len(runs) > 1 else ""
    return f"Training curves of one seed{others}"


@styled
def reconstructions(own: Pictures, autoencoder: Pictures | None = None) -> Figure:
    """Draw held-out items with reconstructions of the VAE and of the autoencoder of the same size (Deep Learning Notes 13.4.2)."""
    rows = [("Original", own.originals), ("VAE", own.reconstructions)]
    if autoencoder is not None:
        rows.append((AUTOENCODER, autoencoder.reconstructions))
    return image_rows(rows, "Held-out items and their reconstructions (z = mu)")


@styled
def interpolation(own: Pictures, autoencoder: Pictures | None = None) -> Figure:
    """Draw the decoded straight line between the means of two items (Deep Learning Notes 13.4.5)."""
    rows = [("VAE", own.strip)]
    if autoencoder is not None:
        rows.append((AUTOENCODER, autoencoder.strip))
    return image_rows(rows, "Decoded straight line between the means of two items")


@styled
def image_rows(rows: Sequence[tuple[str, Array]], title: str) -> Figure:
    """Draw rows of images, each with a label at its left.

    Raises:
        ValueError: there are no rows.
    """
    if not rows:
        raise ValueError("a figure of images needs at least one row")
    most = max(len(images) for _label, images in rows)
    height, width = rows[0][1].shape[1:3]
    figure = canvas(10, 0.7 + len(rows) * 8.4 / most * height / width)
    for ax, (label, images) in zip(figure.subplots(len(rows), 1, squeeze=False).ravel(), rows, strict=True):
        show_images(ax, images, most, label)
    figure.suptitle(title)
    return figure


@styled
def prior_samples(own: Pictures, autoencoder: Pictures | None = None) -> Figure:
    """Draw decoded samples from N(0, I), and the same samples decoded by the autoencoder (Deep Learning Notes 13.4.3)."""
    panels = [("VAE", own.samples)]
    if autoencoder is not None:
        panels.append((AUTOENCODER, autoencoder.samples))
    rows = -(-len(own.samples) // GRID_COLUMNS)
    figure = canvas(5 * len(panels), 0.7 + 4.85 * rows / GRID_COLUMNS)
    for ax, (label, images) in zip(figure.subplots(1, len(panels), squeeze=False).ravel(), panels, strict=True):
        show_images(ax, images, GRID_COLUMNS, title=label)
    figure.suptitle("Decoded draws from N(0, I)")
    return figure


def embedded(means: Array, most: int = EMBEDDED) -> Array:
    """Embed latent means in the plane by t-SNE, or directly if they have one or two dimensions.

    Args:
        means: the means, of shape (items, latent).
        most: how many to embed, from the first on.

    Returns:
        An array of shape (at most `most`, 2). A single latent dimension is plotted against the items' order, which carries no meaning.

    Raises:
        ValueError: the means are not finite.
    """
    shown = np.asarray(means[:most], dtype=np.float64)
    if not np.isfinite(shown).all():
        raise ValueError("the means are not finite")
    if shown.shape[1] == 1:
        return np.column_stack([shown[:, 0], np.linspace(0, 1, len(shown))])
    if shown.shape[1] == 2:
        return shown
    spread = float(shown.std(axis=0).max())
    if spread == 0:  # all points coincide: there is nothing to embed
        return np.zeros((len(shown), 2))
    from sklearn.manifold import TSNE  # noqa: PLC0415  slow to import, and few figures need it

    # The means of a collapsed model hardly differ; t-SNE needs values of order 1.
    scaled = (shown - shown.mean(0)) / spread
    layout = TSNE(n_components=2, random_state=0, init="pca", perplexity=min(PERPLEXITY, (len(shown) - 1) / 3), learning_rate="auto")
    with threadpool_limits(1):  # so few points gain nothing from threads, which are slow on a busy machine
        return np.asarray(layout.fit_transform(scaled), dtype=np.float64)


@styled
def latent_means(named: Mapping[str, Pictures], most: int = EMBEDDED) -> Figure:
    """Plot the embedded means of held-out items by class, one panel per model (Deep Learning Notes 13.4.4).

    At most `most` means of each model are embedded.

    Raises:
        ValueError: there are no models.
    """
    if not named:
        raise ValueError("a figure of latent means needs at least one model")
    figure = canvas(min(5 * len(named) + 1.2, 12.4), 4.8)
    panels = figure.subplots(1, len(named), squeeze=False).ravel()
    for ax, (name, pictures) in zip(panels, named.items(), strict=True):
        places, labels = embedded(pictures.means, most), pictures.labels[:most]
        for kind in np.unique(labels):
            chosen = places[labels == kind]
            number = int(kind) % len(CLASS_COLOURS)
            ax.scatter(
                chosen[:, 0],
                chosen[:, 1],
                s=16,
                marker=_MARKERS[number],
                color=CLASS_COLOURS[number],
                alpha=0.75,
                linewidths=0,
                label=str(kind),
            )
        plain = pictures.means.shape[1] <= 2
        ax.set_title(name)
        ax.set_xlabel("z1" if plain else "t-SNE 1")
        ax.set_ylabel(("z2" if pictures.means.shape[1] == 2 else "order of the items") if plain else "t-SNE 2")
        if not plain:
            ax.set_xticks([])
            ax.set_yticks([])
    handles, names = panels[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside right center", title="class", markerscale=1.6)
    figure.suptitle("Means of held-out items, by class")
    return figure


@styled
def kl_per_dimension(named: Mapping[str, TrainedRun]) -> Figure:
    """Plot the mean KL of each latent dimension on held-out items, largest first, one panel per model (Deep Learning Notes 13.4.7).

    Models without held-out measurements, because training diverged, are left out.

    Raises:
        ValueError: no model has held-out measurements.
    """
    known = {name: run.held_out.kl_per_dim for name, run in named.items() if run.held_out is not None}
    if not known:
        raise ValueError("no run has a KL of held-out items")
    figure = canvas(max(3.4 * len(known), 6), 3.6)
    panels = figure.subplots(1, len(known), squeeze=False, sharey=True).ravel()
    for ax, (name, kl) in zip(panels, known.items(), strict=True):
        ax.bar(np.arange(1, len(kl) + 1), np.sort(kl)[::-1], color=GREEN, width=0.8)
        ax.set_title(f"{name}: {kl.sum():.1f} nats")
        ax.set_xlabel("dimension, by KL")
        ax.grid(visible=False, axis="x")
    panels[0].set_ylabel("KL, nats")
    figure.suptitle("KL of each latent dimension")
    return figure
