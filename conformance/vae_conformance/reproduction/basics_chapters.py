"""The chapters of VAE Basics 6.6.3."""

from __future__ import annotations

from functools import partial

import numpy as np
from matplotlib.figure import Figure

from vae_conformance.experiments.observe_points import training_points
from vae_conformance.report.figures.canvas import Array
from vae_conformance.report.figures.images import training_curves
from vae_conformance.report.figures.lab import lab, lab_variants
from vae_conformance.reproduction import quantities
from vae_conformance.reproduction.findings import Chapter, Findings
from vae_conformance.reproduction.tables import Cell, Content, Measured, Printed, Shown, Table, measured, side_by_side
from vae_spec.claim import Experiment
from vae_spec.claims.toy import KL_WEIGHT, PRINTED, PRINTED_POINTS
from vae_spec.documents import BASICS
from vae_spec.evidence import Arm, TrainedRun
from vae_spec.statistics.comparisons import coverage
from vae_spec.statistics.functionals import Functional

LAB_UNIT = "mean over entries"
"""The unit of the lab's losses, which are means over items and over their two dimensions."""


def _lab(findings: Findings) -> Content:
    printed, runs = findings.runs(Experiment.LAB_PRINTED), findings.runs(Experiment.LAB)
    tables = [_figures(printed, runs)]
    if printed and printed[0].samples is not None:
        tables.append(_points(printed[0].samples))
    tables.append(side_by_side("What was seen of it", quantities.LAB, [("the printed run", printed), ("other seeds", runs)]))
    figures = [Shown("lab-curves", "The lab's losses as it prints them.", lambda: training_curves([*printed, *runs], LAB_UNIT))]
    if printed and (observations := printed[0].points) is not None:
        caption = "The printed run: its points and what it generates, its means, and the line that it decodes."
        figures.insert(0, Shown("lab", caption, lambda: lab(_training_points(printed[0]), observations)))
    remark = (
        "The seed decides data, start and noise, so the figures can be met digit by digit; other seeds show how much in them is chance."
    )
    return Content(tuple(tables), tuple(figures), (remark,) if printed else ())


def _figures(printed: list[TrainedRun], runs: list[TrainedRun]) -> Table:
    """Return the table of the losses that the lab prints, for its own seed and for others."""
    rows: list[tuple[str, tuple[Cell, ...]]] = []
    for epoch, values in PRINTED.items():
        for name, value in zip(("reconstruction", "KL", "loss"), values, strict=True):
            read = partial(_lab_loss, name=name, epoch=epoch)
            rows.append((f"epoch {epoch}, {name}", (Printed(f"{value:.4f}"), measured(printed, read, 4), measured(runs, read, 4))))
    return Table(f"The lab's losses, {LAB_UNIT}", ("", "document", "measured, its seed", "measured, other seeds"), tuple(rows))


def _lab_loss(run: TrainedRun, *, name: str, epoch: int) -> float:
    if len(run.total) < epoch:
        return float("nan")
    reconstruction, kl = float(run.reconstruction[epoch - 1]), float(run.kl[epoch - 1])
    return {"reconstruction": reconstruction, "KL": kl, "loss": reconstruction + KL_WEIGHT * kl}[name]


def _points(samples: Array) -> Table:
    rows = tuple(
        (f"point {index + 1}, x{axis + 1}", (Printed(f"{point[axis]:.3f}"), Measured((float(found[axis]),), 3)))
        for index, (point, found) in enumerate(zip(PRINTED_POINTS, samples, strict=False))
        for axis in range(2)
    )
    return Table("The five generated points", ("", "document", "measured, its seed"), rows)


def _training_points(run: TrainedRun) -> Array:
    return np.asarray(training_points(run.recipe.seed).double().numpy())


def _comparison(findings: Findings) -> Content:
    columns = [(name, findings.runs(Experiment.COMPARISON, arm)) for arm, name in _KINDS]
    if not any(runs for _name, runs in columns):
        return Content()
    return Content((side_by_side("Samples of three kinds of model on the digits", _COMPARED, columns),))


_KINDS = ((str(Arm.OWN), "VAE"), (str(Arm.AUTOENCODER), "autoencoder"), ("GAN", "GAN"))


def _either(note: str, of_observations: Functional) -> Functional:
    """Return a functional that is read from the run's note if it has one (systems that the suite does not train), else as it is."""
    return lambda run: run.notes[note] if note in run.notes else of_observations(run)


_COMPARED = (
    ("coverage of held-out items", _either("coverage", coverage)),
    ("density", _either("density", quantities.density)),
    ("entropy of classes over its largest value", _either("entropy of classes", quantities.entropy)),
    ("sharpness over the originals'", _either("sharpness over the originals'", quantities.sample_sharpness)),
)


def _exercises(findings: Findings) -> Content:
    weights = ((Arm.NO_KL, "weight 0"), (Arm.OWN, "weight 0.05"), (Arm.LARGE, "weight 0.5"))
    activations = ((Arm.OWN, "ReLU"), (Arm.TANH, "Tanh"))
    tables, figures = [], []
    for experiment, arms, title, name in (
        (Experiment.LAB_WEIGHTS, weights, "Exercises 1 and 2: the weight of the KL", "lab-weights"),
        (Experiment.LAB_TANH, activations, "Exercise 4: another activation in the decoder", "lab-tanh"),
    ):
        models = [(label, findings.runs(experiment, arm)) for arm, label in arms]
        if all(runs for _label, runs in models):
            tables.append(side_by_side(title, quantities.LAB, models))
            figures.append(Shown(name, f"{title}: generated points above, means below.", partial(_variants, models)))
    remark = (
        "Exercise 3 asks for the line from [-2, 0] to [2, 0]. In about half of the seeds the first latent axis is not used, and nothing"
        " moves along it; the line drawn and measured here runs along the axis that is."
    )
    return Content(tuple(tables), tuple(figures), (remark,))


def _variants(models: list[tuple[str, list[TrainedRun]]]) -> Figure:
    named = {label: runs[0].points for label, runs in models if runs[0].points is not None}
    return lab_variants(_training_points(models[0][1][0]), named)


BASICS_CHAPTERS = (
    Chapter(BASICS, "flow", "An item becomes a mean and a log-variance, a code is drawn, and the decoder makes an item of the code."),
    Chapter(BASICS, "sampling", "The draw is written as mu + exp(logvar / 2) * eps, so that gradients reach mu and logvar."),
    Chapter(BASICS, "loss", "The loss weighs the KL by beta: too little leaves the codes in disorder, too much costs reconstruction."),
    Chapter(
        BASICS,
        "lab",
        "A VAE of two dimensions learns two clusters of points in 200 steps; its losses and five generated points are printed.",
        _lab,
    ),
    Chapter(
        BASICS,
        "comparison",
        "An autoencoder reconstructs but is hard to sample, a VAE samples smoothly and softly, a GAN sharply and less reliably.",
        _comparison,
    ),
    Chapter(
        BASICS,
        "diagnostics",
        "In health the reconstruction falls and levels off, the KL is neither zero nor all there is, samples vary, paths are smooth.",
    ),
    Chapter(
        BASICS,
        "mistakes",
        "A KL that is forced too early does harm, and so does judging by images alone; a warm-up or a smaller weight may help.",
    ),
    Chapter(BASICS, "exercises", "The lab at weights 0 and 0.5, along a latent line, and with Tanh in the decoder.", _exercises),
)
"""Every section of VAE Basics that claims cite, in order."""
