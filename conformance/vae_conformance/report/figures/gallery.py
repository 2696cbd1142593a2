"""The documents' figures for one subject, drawn from its trained runs or left out with a reason."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from matplotlib.figure import Figure

from vae_conformance.experiments.observe_points import training_points
from vae_conformance.report.figures.canvas import png
from vae_conformance.report.figures.comparison import BETAS, beta_comparison
from vae_conformance.report.figures.images import (
    AUTOENCODER,
    interpolation,
    kl_per_dimension,
    latent_means,
    prior_samples,
    reconstructions,
    training_curves,
)
from vae_conformance.report.figures.lab import lab
from vae_conformance.report.figures.latent import codes_and_prior
from vae_conformance.report.figures.rows_and_series import (
    interpolated_rows,
    interpolated_series,
    reconstructed_rows,
    reconstructed_series,
    rows_by_weight,
    sampled_rows,
    sampled_series,
    series_by_weight,
)
from vae_conformance.report.figures.stored_runs import Evidence
from vae_spec.claim import Experiment
from vae_spec.evidence import Arm, Group, TrainedRun
from vae_spec.observations import Pictures
from vae_spec.subject import InputKind

POINTS_SHOWN = 300
"""Number of latent means that t-SNE embeds in a report; takes up to a second."""
DPI = 100
_OWN = (Experiment.CONTRAST, Experiment.IMAGES, Experiment.SWEEP, Experiment.WITHOUT_KL)
_LONGEST = (Experiment.IMAGES, *(experiment for experiment in _OWN if experiment is not Experiment.IMAGES))
"""Experiments whose curves are shown, longest training first: on large data sets, comparisons train for fewer steps."""
_LAB = (Experiment.LAB, Experiment.LAB_PRINTED, Experiment.LAB_WEIGHTS)
WEIGHTS = "the weights are judged as they are, and nothing was trained"
NOTHING = "none of the claims that were asked looks at this comparison"


@dataclass(frozen=True)
class Exhibit:
    """One figure of a report.

    Attributes:
        name: the anchor.
        title: the title, a few words.
        caption: a description of what is shown; before it is drawn, of the subject itself and without a full stop.
        areas: the areas whose claims it illustrates.
        content: the PNG file; empty if the figure was left out.
        missing: why it was left out; empty if it was drawn.
        photographic: whether it shows images, whose black and white must not be inverted in dark mode.
        draw: draws the figure.
        beside: appended to the caption if the subject's own autoencoder is shown too.
        trained: appended to the caption if the suite trained the model.
    """

    name: str
    title: str
    caption: str
    areas: tuple[str, ...]
    content: bytes = b""
    missing: str = ""
    photographic: bool = False
    draw: Callable[[Evidence], Figure] = lambda _evidence: Figure()
    beside: str = ""
    trained: str = ""


class NotShownError(Exception):
    """A figure has nothing to show; the message says why."""


def exhibits(evidence: Evidence) -> list[Exhibit]:
    """Return all figures for this subject's trainings, in the documents' order."""
    if any(evidence.runs(experiment) for experiment in _LAB):
        entries = _OF_POINTS
    else:
        entries = {InputKind.ROW: _OF_ROWS, InputKind.SERIES: _OF_SERIES}.get(evidence.kind, _OF_IMAGES)
    return [_shown(evidence, entry) for entry in entries]


def _shown(evidence: Evidence, entry: Exhibit) -> Exhibit:
    """Return the exhibit drawn, its caption mentioning the autoencoder and the training only where they apply."""
    beside = entry.beside if _beside(evidence) else ""
    trained = "" if _given_weights(evidence) else entry.trained
    exhibit = replace(entry, caption=f"{entry.caption}{beside}{trained}.")
    try:
        return replace(exhibit, content=png(entry.draw(evidence), DPI))
    except NotShownError as reason:
        return replace(exhibit, missing=str(reason))
    except (ValueError, ArithmeticError, np.linalg.LinAlgError):
        return replace(exhibit, missing="its numbers have run away, and cannot be drawn")


def _given_weights(evidence: Evidence) -> bool:
    """Return whether the runs come from given weights, without any training."""
    return any(not run.recipe.steps for experiment in _OWN for run in evidence.runs(experiment))


def _beside(evidence: Evidence) -> bool:
    """Return whether the subject's own autoencoder is shown too."""
    try:
        return _pictures(evidence)[1] is not None
    except NotShownError:
        return False


def _own_runs(evidence: Evidence, experiments: Sequence[Experiment]) -> list[TrainedRun]:
    """Return the subject's own trainings, one per seed."""
    runs = max((evidence.runs(experiment) for experiment in experiments), key=len)
    if not runs:
        raise NotShownError("none of its trainings is in the store any more" if evidence.lost else NOTHING)
    return runs


def _seen(group: Group, arm: str) -> Pictures | None:
    run = group.get(str(arm))
    return None if run is None or run.observations is None else run.observations.pictures


def _pictures(evidence: Evidence) -> tuple[Pictures, Pictures | None]:
    """Return the pictures of the first seed that has any, and those of its autoencoder."""
    runs = _own_runs(evidence, _OWN)
    groups = [group for experiment in _OWN for group in evidence.groups(experiment)]
    for group in groups:
        own = _seen(group, Arm.OWN)
        if own is not None:
            return own, _seen(group, Arm.AUTOENCODER)
    ended = [run.diverged_at for run in runs if run.diverged_at is not None]
    if ended:
        raise NotShownError(f"its loss does not stay finite (from step {min(ended)} on), so there is nothing to look at")
    raise NotShownError("its codes ran away in training, so there is nothing to look at")


def _named(evidence: Evidence) -> Mapping[str, Pictures]:
    own, plain = _pictures(evidence)
    return {"VAE": own} if plain is None else {"VAE": own, AUTOENCODER: plain}


def _curves(evidence: Evidence, experiments: Sequence[Experiment], unit: str) -> Figure:
    runs = [run for run in _own_runs(evidence, experiments) if len(run.total)]
    if not runs:
        raise NotShownError(WEIGHTS if _given_weights(evidence) else "its loss is not finite at the first step")
    return training_curves(runs, unit)


def _sweep(evidence: Evidence) -> Sequence[Group]:
    groups = evidence.groups(Experiment.SWEEP)
    if not groups and _given_weights(evidence):
        raise NotShownError(WEIGHTS)
    if not groups:
        raise NotShownError("its trainings at other betas are no longer in the store" if evidence.lost else NOTHING)
    if _seen(groups[0], Arm.OWN) is None:
        _pictures(evidence)
    return groups


def _per_dimension(evidence: Evidence) -> Figure:
    groups = evidence.groups(Experiment.SWEEP)
    alone = "given weights" if _given_weights(evidence) else "β = 1"
    swept = [groups[0][arm] for arm in BETAS] if groups else []
    named = {f"β = {run.recipe.beta:.3g}": run for run in swept} if swept else {alone: _own_runs(evidence, _OWN)[0]}
    if all(run.held_out is None for run in named.values()):
        raise NotShownError("its loss does not stay finite, so there is no trained posterior")
    return kl_per_dimension(named)


def _lab(evidence: Evidence) -> Figure:
    for run in _own_runs(evidence, _LAB):
        if run.points is not None:
            return lab(training_points(run.recipe.seed).double().numpy(), run.points)
    raise NotShownError("its loss does not stay finite, so there is nothing to look at")


_OF_IMAGES: tuple[Exhibit, ...] = (
    Exhibit(
        "training-curves",
        "Training curves",
        "Total, reconstruction and KL over the steps, linear and logarithmic",
        ("TRN", "OBJ"),
        draw=lambda evidence: _curves(evidence, _LONGEST, "nats an item"),
    ),
    Exhibit(
        "reconstructions",
        "Reconstructions",
        "Held-out items and what the VAE makes of them",
        ("REC",),
        draw=lambda evidence: reconstructions(*_pictures(evidence)),
        photographic=True,
        beside=", and what its own autoencoder (z = mu, no KL) makes of them",
    ),
    Exhibit(
        "prior-samples",
        "Prior samples",
        "Draws from N(0, I), decoded by the VAE",
        ("SMP",),
        draw=lambda evidence: prior_samples(*_pictures(evidence)),
        photographic=True,
        beside=" and by its own autoencoder",
    ),
    Exhibit(
        "latent-means",
        "Means by class",
        "The means of held-out items in the plane by t-SNE, coloured by class",
        ("LAT",),
        draw=lambda evidence: latent_means(_named(evidence), POINTS_SHOWN),
        trained=", which training never saw",
    ),
    Exhibit(
        "codes-and-prior",
        "Codes against N(0, I)",
        "One draw of each held-out item's code in the two dimensions that vary most; the circles hold 50, 90 and 99 percent of N(0, I)",
        ("LAT", "KL"),
        draw=lambda evidence: codes_and_prior(_named(evidence)),
    ),
    Exhibit(
        "interpolation",
        "Interpolation",
        "The straight line between the means of two held-out items of different classes, decoded",
        ("INT",),
        draw=lambda evidence: interpolation(*_pictures(evidence)),
        photographic=True,
    ),
    Exhibit(
        "beta-comparison",
        "Three weights of the KL",
        "Originals, reconstructions and prior samples at beta 0.1, 1 and 4; below, the numbers of all seeds",
        ("BETA",),
        draw=lambda evidence: beta_comparison(_sweep(evidence)),
        photographic=True,
    ),
    Exhibit(
        "kl-per-dimension",
        "KL of each dimension",
        "Which latent dimensions carry information about held-out items",
        ("COL", "KL"),
        draw=_per_dimension,
    ),
)
_AS_ROWS: Mapping[str, tuple[str, Callable[[Evidence], Figure]]] = {
    "reconstructions": (
        "Held-out rows, joined with their reconstructions by the VAE, in the plane of the first two principal components",
        lambda evidence: reconstructed_rows(_named(evidence)),
    ),
    "prior-samples": (
        "Held-out rows and draws from N(0, I) decoded by the VAE, in the plane of the first two principal components",
        lambda evidence: sampled_rows(_named(evidence)),
    ),
    "interpolation": (
        "The straight line between the means of two held-out rows of different classes, decoded, among the held-out rows",
        lambda evidence: interpolated_rows(_named(evidence)),
    ),
    "beta-comparison": (
        "Held-out rows and prior samples at three weights of the KL; below, the numbers of all seeds",
        lambda evidence: beta_comparison(_sweep(evidence), rows_by_weight),
    ),
}
_AS_SERIES: Mapping[str, tuple[str, Callable[[Evidence], Figure]]] = {
    "reconstructions": (
        "Held-out series, and dashed what the VAE makes of them; a colour for each channel",
        lambda evidence: reconstructed_series(_named(evidence)),
    ),
    "prior-samples": (
        "Held-out series, and below them draws from N(0, I), decoded by the VAE",
        lambda evidence: sampled_series(_named(evidence)),
    ),
    "interpolation": (
        "The straight line between the means of two held-out series of different classes, decoded",
        lambda evidence: interpolated_series(_named(evidence)),
    ),
    "beta-comparison": (
        "Held-out series with reconstructions, and prior samples, at three weights of the KL; below, the numbers of all seeds",
        lambda evidence: beta_comparison(_sweep(evidence), series_by_weight),
    ),
}


def _drawn_as(changed: Mapping[str, tuple[str, Callable[[Evidence], Figure]]]) -> tuple[Exhibit, ...]:
    """Return the exhibits of images with those that show items drawn in another way."""
    return tuple(
        replace(entry, caption=changed[entry.name][0], draw=changed[entry.name][1], photographic=False) if entry.name in changed else entry
        for entry in _OF_IMAGES
    )


_OF_ROWS, _OF_SERIES = _drawn_as(_AS_ROWS), _drawn_as(_AS_SERIES)
_OF_POINTS: tuple[Exhibit, ...] = (
    Exhibit(
        "training-curves",
        "Training curves",
        "Total, reconstruction and KL over the steps, linear and logarithmic",
        ("TOY", "TRN"),
        draw=lambda evidence: _curves(evidence, _LAB, "the loss's own units"),
    ),
    Exhibit(
        "lab",
        "Points, codes and a line",
        "The training points and decoded draws from N(0, I); the means of the training points; the line decoded along the active axis",
        ("TOY",),
        draw=_lab,
    ),
)
