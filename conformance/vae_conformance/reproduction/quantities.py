"""Quantities of a trained run that the tables show; nan if its training diverged and there are no observations."""

from __future__ import annotations

import math
from functools import partial

from vae_conformance.report.figures.comparison import held_out_kl, sharpness, squared_error
from vae_conformance.reproduction.tables import Quantity
from vae_spec.evidence import TrainedRun
from vae_spec.statistics.comparisons import coverage, information, middle
from vae_spec.statistics.functionals import FUNCTIONALS, held_out, observed, on_points, stationary

effective_beta = stationary(lambda found: found.beta)
"""The weight of the KL that the training in fact optimised."""
mmd2 = observed(lambda seen: seen.codes.mmd2)
density = observed(lambda seen: seen.samples.density)
entropy = FUNCTIONALS["entropy of the samples' classes"]
sample_sharpness = observed(lambda seen: seen.samples.laplacian / seen.reconstructions.laplacian_originals)
"""The Laplacian variance of prior samples relative to that of the originals."""


def _note(run: TrainedRun, *, name: str) -> float:
    return run.notes.get(name, math.nan)


RECONSTRUCTIONS: tuple[Quantity, ...] = (
    ("squared error of a held-out item", squared_error),
    ("share of the variance explained, R2", FUNCTIONALS["held-out R2 from mu"]),
    ("sharpness over the originals' (variance of the Laplacian)", sharpness),
    ("high frequencies over the originals'", FUNCTIONALS["high frequencies over the originals'"]),
)
SAMPLES: tuple[Quantity, ...] = (
    ("coverage of held-out items", coverage),
    ("coverage that training items reach", observed(lambda seen: seen.samples.data_coverage)),
    ("density", density),
    ("classes that appear", observed(lambda seen: float(seen.samples.classes))),
    ("entropy of classes over its largest value", entropy),
    (
        "distance to the nearest training item over that to the nearest held-out one",
        FUNCTIONALS["distance of samples to training over held-out items"],
    ),
)
CODES: tuple[Quantity, ...] = (
    ("variance of the aggregate posterior (prior: 1)", observed(lambda seen: seen.codes.mean_variance)),
    ("squared MMD to N(0, I)", mmd2),
    ("class given by the nearest means", observed(lambda seen: seen.codes.neighbour_accuracy)),
    ("means with another class among their ten nearest", FUNCTIONALS["share of means beside another class"]),
    ("connected parts of the graph of neighbours", FUNCTIONALS["connected parts of the means"]),
)
PATHS: tuple[Quantity, ...] = (
    ("largest second difference over the mean step", FUNCTIONALS["second difference over the mean step"]),
    ("longest step over the mean step", observed(lambda seen: seen.paths.longest_step)),
    ("density at the middles", observed(lambda seen: seen.paths.middle_density)),
    ("density at the ends", observed(lambda seen: seen.paths.ends_density)),
    ("density at the middles of pixel cross-fades", observed(lambda seen: seen.paths.cross_fade_density)),
    ("density at the middles between draws from N(0, I)", middle),
)
INFORMATION: tuple[Quantity, ...] = (
    ("KL, nats", held_out_kl),
    ("active units", FUNCTIONALS["active units"]),
    ("information of the code about the item, nats", information),
    ("R2 from another item's code", held_out(lambda seen: seen.r2_shuffled)),
)
REMEDIES: tuple[Quantity, ...] = tuple(
    (name, partial(_note, name=name)) for name in ("KL, nats", "active units", "information, nats", "nats lost to another item's code")
)
SWEEP: tuple[Quantity, ...] = (
    ("squared error of a held-out item", squared_error),
    ("reconstruction term, nats", held_out(lambda seen: seen.reconstruction)),
    ("KL, nats", held_out_kl),
    ("effective beta", effective_beta),
    ("sharpness over the originals'", sharpness),
    ("squared MMD of the codes to N(0, I)", mmd2),
    ("coverage of prior samples", coverage),
    ("density of prior samples", density),
)
LAB: tuple[Quantity, ...] = (
    ("reconstruction at the end", lambda run: float(run.reconstruction[-10:].mean())),
    ("KL at the end, nats a dimension", lambda run: float(run.kl[-10:].mean())),
    ("energy distance of generated points to fresh ones", on_points(lambda seen: seen.energy_distance)),
    ("the same of fresh points to others", on_points(lambda seen: seen.data_energy_distance)),
    ("share of generated points near the data", on_points(lambda seen: seen.near)),
    ("share of generated points that copy (fresh ones: 0.01)", on_points(lambda seen: seen.copies)),
    ("largest second difference of the decoded line over the mean step", on_points(lambda seen: seen.second_difference)),
)
