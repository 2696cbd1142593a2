"""The chapters of Deep Learning Notes 13.4."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.figure import Figure

from vae_conformance.report.figures.comparison import BETAS, beta_comparison, collapse_curves, variants
from vae_conformance.report.figures.images import (
    interpolation,
    kl_per_dimension,
    latent_means,
    prior_samples,
    reconstructions,
    training_curves,
)
from vae_conformance.reproduction import quantities
from vae_conformance.reproduction.findings import Chapter, Findings, first_by_arm, first_pictures, pictures_by_arm, vae_and_autoencoder
from vae_conformance.reproduction.tables import Content, Measured, Printed, Quantity, Shown, Table, measured, side_by_side
from vae_spec.claim import Experiment
from vae_spec.claims.training_terms import TABLE, epochs
from vae_spec.documents import NOTES
from vae_spec.evidence import Arm, TrainedRun
from vae_spec.observations import Pictures


def _objective(findings: Findings) -> Content:
    betas = measured(findings.runs(Experiment.IMAGES), quantities.effective_beta)
    rows = (("effective beta at the optimum", (Printed("1.0"), betas)),)
    return Content((Table("The weight of the KL, read off the trained posterior", ("", "document", "measured"), rows),))


def _curves(findings: Findings) -> Content:
    runs = [run for run in findings.runs(Experiment.IMAGES) if run.diverged_at is None and len(run.total) >= len(TABLE)]
    comparable = findings.dataset == "mnist"
    curves = [np.array([epochs(getattr(run, name)) for run in runs]) for name in ("total", "reconstruction", "kl")]
    rows = []
    for index, printed in enumerate(TABLE):
        found = [Measured(tuple(curve[:, index]) if len(runs) else (), 2) for curve in curves]
        cells = [cell for pair in zip((Printed(f"{value:.4f}") for value in printed), found, strict=True) for cell in pair]
        rows.append((str(index + 1), tuple(cells)))
    unit = "epoch" if comparable else "tenth of the training"
    columns = (unit, *(f"{name}{where}" for name in ("total", "reconstruction", "KL") for where in (", document", ", measured")))
    remark = (
        "The recipe is the document's: batches of 256, Adam 0.001, ten epochs without the last incomplete batch."
        if comparable
        else f"The document's numbers are those of MNIST and are **not comparable** with these of {findings.dataset}, which are shown for"
        " the shape of the curves alone. `--dataset mnist --data-root FOLDER` makes the comparison."
    )
    figures = (
        Shown("training-curves", "Total, reconstruction and KL over the steps, linear and logarithmic.", lambda: training_curves(runs)),
    )
    return Content((Table("Losses, nats an item", columns, tuple(rows), comparable),), figures, (remark,))


def _contrast(
    title: str, of: Sequence[Quantity], name: str, caption: str, draw: Callable[[Pictures, Pictures | None], Figure], *remarks: str
) -> Callable[[Findings], Content]:
    """Return the content of a section that compares the VAE with its autoencoder: a table, and the pictures of both."""

    def content(findings: Findings) -> Content:
        (_vae, own), (_other, plain) = models = vae_and_autoencoder(findings)
        seen = first_pictures(own)
        shown = [] if seen is None else [Shown(name, caption, lambda: draw(seen, first_pictures(plain)))]
        return Content((side_by_side(title, of, models),), tuple(shown), remarks)

    return content


def _means(own: Pictures, plain: Pictures | None) -> Figure:
    return latent_means({"VAE": own} if plain is None else {"VAE": own, "Autoencoder": plain})


_reconstruction = _contrast(
    "Reconstructions of held-out items from z = mu",
    quantities.RECONSTRUCTIONS,
    "reconstructions",
    "Held-out items, what the VAE makes of them, and what the autoencoder of the same size does.",
    reconstructions,
)
_samples = _contrast(
    "Decoded draws from N(0, I)",
    quantities.SAMPLES,
    "prior-samples",
    "The same draws from N(0, I), decoded by the VAE and by its autoencoder.",
    prior_samples,
)
_latent_space = _contrast(
    "Codes of held-out items",
    quantities.CODES,
    "latent-means",
    "The means of held-out items in the plane by t-SNE, by class.",
    _means,
    "That the classes are joined is as true of the autoencoder: what sets the VAE apart is where its codes lie, not how they hang"
    " together.",
)
_interpolation = _contrast(
    "Forty decoded straight lines between codes",
    quantities.PATHS,
    "interpolation",
    "From one held-out item to another of another class, by the VAE and by its autoencoder.",
    interpolation,
)


def _sweep(findings: Findings) -> Content:
    groups = findings.groups.get(Experiment.SWEEP, ())
    models = [(f"beta {beta:g}", findings.runs(Experiment.SWEEP, arm)) for arm, beta in BETAS.items()]
    without = ("beta 0", findings.runs(Experiment.WITHOUT_KL, Arm.NO_KL))
    table = side_by_side("The same training under other weights of the KL", quantities.SWEEP, [without, *models])
    remark = "The document trains five epochs a beta; here every beta trains as long as the others, so that only beta differs."
    caption = "Originals, reconstructions and prior samples at three betas; below, the numbers of all seeds."
    shown = Shown("beta-comparison", caption, lambda: beta_comparison(groups))
    return Content((table,), (shown,), (remark,))


def _collapse(findings: Findings) -> Content:
    sweep = {f"beta {beta:g}": findings.runs(Experiment.SWEEP, arm) for arm, beta in BETAS.items()}
    first = {name: runs[0] for name, runs in sweep.items() if runs}
    remedies = first_by_arm(findings, Experiment.COLLAPSE)
    tables = (
        side_by_side("What the code tells of the item", quantities.INFORMATION, list(sweep.items())),
        side_by_side(
            "An autoregressive decoder on 8x8 digits, by remedy",
            quantities.REMEDIES,
            [(remedy, findings.runs(Experiment.COLLAPSE, remedy)) for remedy in remedies],
        ),
    )
    return Content(
        tables if remedies else tables[:1],
        (
            Shown("kl-per-dimension", "Which latent dimensions carry information at three betas.", lambda: kl_per_dimension(first)),
            Shown("collapse", "The strong decoder leaves its code unused; what brings it back.", lambda: collapse_curves(remedies)),
        ),
    )


def _exercises(findings: Findings) -> Content:
    tables, figures = [], []
    exercises = (
        (Experiment.LATENT_DIMENSIONS, "exercise 1: latent dimensions", "latent-dimensions"),
        (Experiment.LIKELIHOODS, "exercise 3: cross-entropy and squared error", "likelihoods"),
    )
    shown = (*quantities.RECONSTRUCTIONS[:3], *quantities.SAMPLES[:1], *quantities.INFORMATION[:2])
    for experiment, title, name in exercises:
        tables.append(side_by_side(title.capitalize(), shown, _models(findings, experiment)))
        figures.append(_variants(findings, experiment, title, name))
    tables.append(side_by_side("Exercise 4: more epochs", (*shown, *quantities.CODES), _models(findings, Experiment.EPOCHS)))
    longer = pictures_by_arm(findings, Experiment.EPOCHS)
    figures.append(Shown("epochs", "Exercise 4: the means after 10, 15 and 20 epochs, by t-SNE.", lambda: latent_means(longer)))
    remark = (
        "Exercise 2 (other weights of the KL) is the comparison over beta above; exercise 5 (interpolation of an autoencoder) stands with"
        " phenomenon 4. Exercises 1, 3 and 4 are done on the digits, whatever the data set."
    )
    kept = [table for table in tables if len(table.columns) > 1]
    return Content(tuple(kept), tuple(figures), (remark,))


def _models(findings: Findings, experiment: Experiment) -> list[tuple[str, list[TrainedRun]]]:
    return [(arm, findings.runs(experiment, arm)) for arm in findings.arms(experiment)]


def _variants(findings: Findings, experiment: Experiment, title: str, name: str) -> Shown:
    return Shown(name, f"{title.capitalize()}.", lambda: variants(pictures_by_arm(findings, experiment), title.capitalize()))


NOTES_CHAPTERS = (
    Chapter(
        NOTES,
        "objective",
        "Training minimises a reconstruction term plus the KL divergence of the posterior to the prior, the negative of the ELBO.",
        _objective,
    ),
    Chapter(NOTES, "13.4.1", "A small VAE of perceptrons is trained on MNIST with Adam at 0.001 and batches of 256."),
    Chapter(
        NOTES,
        "13.4.1.2",
        "Both terms are summed within an item and divided by the number of items of the batch, so neither outweighs the other.",
    ),
    Chapter(
        NOTES,
        "13.4.1.3",
        "The reconstruction falls fast at first, the KL starts near zero and ends well above it, the total follows the reconstruction, and"
        " the curves level off.",
        _curves,
    ),
    Chapter(NOTES, "13.4.2", "Reconstructions are recognisable but softer than the originals, and than an autoencoder's.", _reconstruction),
    Chapter(NOTES, "13.4.3", "Draws from N(0, I) decode to digits with a VAE, and to something near noise with an autoencoder.", _samples),
    Chapter(
        NOTES,
        "13.4.4",
        "Codes of one class lie near each other, classes pass into one another, and the KL keeps all of them near the origin.",
        _latent_space,
    ),
    Chapter(NOTES, "13.4.5", "Along a straight line between two codes the decoded image changes gradually, without jumps.", _interpolation),
    Chapter(
        NOTES, "13.4.6", "A small weight of the KL gives closer reconstructions and unreliable samples; a large one the opposite.", _sweep
    ),
    Chapter(
        NOTES,
        "13.4.7",
        "A decoder that is strong enough by itself makes the posterior fall back on the prior: the KL vanishes, and the code says nothing.",
        _collapse,
    ),
    Chapter(
        NOTES,
        "13.4.9",
        "Other latent dimensions, other weights, squared error for cross-entropy, more epochs, an autoencoder's interpolation.",
        _exercises,
    ),
)
"""Every section of Deep Learning Notes that claims cite, in order."""
