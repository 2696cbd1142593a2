"""Quantities of a trained run that the tables show; nan if its training diverged and there are no observations."""

from __future__ import annotations

import math
from collections.abc import Callable

from vae_conformance.report.figures.comparison import coverage, held_out_kl, sharpness, squared_error
from vae_conformance.reproduction.tables import Quantity
from vae_spec.evidence import HeldOut, TrainedRun
from vae_spec.observations import Codes, ImageObservations, Paths, PointObservations, PriorSamples
from vae_spec.statistics.functionals import ACTIVE_VARIANCE


def of_held_out(read: Callable[[HeldOut], float]) -> Callable[[TrainedRun], float]:
    """Return a function that reads a quantity from a run's held-out measurements."""
    return lambda run: math.nan if run.held_out is None else read(run.held_out)


def of_points(read: Callable[[PointObservations], float]) -> Callable[[TrainedRun], float]:
    """Return a function that reads a quantity from a run's observations of the lab's points."""
    return lambda run: math.nan if run.points is None else read(run.points)


def _of_observations(read: Callable[[ImageObservations], float]) -> Callable[[TrainedRun], float]:
    return lambda run: math.nan if run.observations is None else read(run.observations)


def _of_samples(read: Callable[[PriorSamples], float]) -> Callable[[TrainedRun], float]:
    return _of_observations(lambda observations: read(observations.samples))


def _of_codes(read: Callable[[Codes], float]) -> Callable[[TrainedRun], float]:
    return _of_observations(lambda observations: read(observations.codes))


def _of_paths(read: Callable[[Paths], float]) -> Callable[[TrainedRun], float]:
    return _of_observations(lambda observations: read(observations.paths))


def _of_notes(name: str) -> Callable[[TrainedRun], float]:
    return lambda run: run.notes.get(name, math.nan)


def effective_beta(run: TrainedRun) -> float:
    """Return the weight of the KL that the training in fact optimised."""
    return math.nan if run.stationarity is None else run.stationarity.beta


def active_units(held_out: HeldOut) -> float:
    """Return the number of dimensions of mu that vary over the items."""
    return float((held_out.mu_variance > ACTIVE_VARIANCE).sum())


RECONSTRUCTIONS: tuple[Quantity, ...] = (
    ("squared error of a held-out item", squared_error),
    ("share of the variance explained, R2", of_held_out(lambda seen: seen.r2_mean_code)),
    ("sharpness over the originals' (variance of the Laplacian)", sharpness),
    (
        "high frequencies over the originals'",
        _of_observations(lambda seen: seen.reconstructions.high_frequencies / seen.reconstructions.high_frequencies_originals),
    ),
)
SAMPLES: tuple[Quantity, ...] = (
    ("coverage of held-out items", coverage),
    ("coverage that training items reach", _of_samples(lambda seen: seen.data_coverage)),
    ("density", _of_samples(lambda seen: seen.density)),
    ("classes that appear", _of_samples(lambda seen: float(seen.classes))),
    ("entropy of classes over its largest value", _of_samples(lambda seen: seen.entropy)),
    ("distance to the nearest training item over that to the nearest held-out one", _of_samples(lambda seen: seen.nearest_over_held_out)),
)
CODES: tuple[Quantity, ...] = (
    ("variance of the aggregate posterior (prior: 1)", _of_codes(lambda seen: seen.mean_variance)),
    ("squared MMD to N(0, I)", _of_codes(lambda seen: seen.mmd2)),
    ("class told by the nearest means", _of_codes(lambda seen: seen.neighbour_accuracy)),
    ("means with another class among their ten nearest", _of_codes(lambda seen: seen.mixed_neighbours)),
    ("connected parts of the graph of neighbours", _of_codes(lambda seen: float(seen.components))),
)
PATHS: tuple[Quantity, ...] = (
    ("largest second difference over the mean step", _of_paths(lambda seen: seen.second_difference)),
    ("longest step over the mean step", _of_paths(lambda seen: seen.longest_step)),
    ("density at the middles", _of_paths(lambda seen: seen.middle_density)),
    ("density at the ends", _of_paths(lambda seen: seen.ends_density)),
    ("density at the middles of pixel cross-fades", _of_paths(lambda seen: seen.cross_fade_density)),
    ("density at the middles between draws from N(0, I)", _of_paths(lambda seen: seen.prior_middle_density)),
)
INFORMATION: tuple[Quantity, ...] = (
    ("KL, nats", held_out_kl),
    ("active units", of_held_out(active_units)),
    ("information of the code about the item, nats", _of_codes(lambda seen: seen.information)),
    ("R2 from another item's code", of_held_out(lambda seen: seen.r2_shuffled)),
)
REMEDIES: tuple[Quantity, ...] = tuple(
    (name, _of_notes(name)) for name in ("KL, nats", "active units", "information, nats", "nats lost to another item's code")
)
SWEEP: tuple[Quantity, ...] = (
    ("squared error of a held-out item", squared_error),
    ("reconstruction term, nats", of_held_out(lambda seen: seen.reconstruction)),
    ("KL, nats", held_out_kl),
    ("effective beta", effective_beta),
    ("sharpness over the originals'", sharpness),
    ("squared MMD of the codes to N(0, I)", _of_codes(lambda seen: seen.mmd2)),
    ("coverage of prior samples", coverage),
    ("density of prior samples", _of_samples(lambda seen: seen.density)),
)
SAMPLE_SHARPNESS = _of_observations(lambda seen: seen.samples.laplacian / seen.reconstructions.laplacian_originals)
"""The Laplacian variance of prior samples relative to that of the originals."""
SAMPLE_ENTROPY = _of_samples(lambda seen: seen.entropy)
SAMPLE_DENSITY = _of_samples(lambda seen: seen.density)
LAB: tuple[Quantity, ...] = (
    ("reconstruction at the end", lambda run: float(run.reconstruction[-10:].mean())),
    ("KL at the end, nats a dimension", lambda run: float(run.kl[-10:].mean())),
    ("energy distance of generated points to fresh ones", of_points(lambda seen: seen.energy_distance)),
    ("the same of fresh points to others", of_points(lambda seen: seen.data_energy_distance)),
    ("share of generated points near the data", of_points(lambda seen: seen.near)),
    ("share of generated points that copy (fresh ones: 0.01)", of_points(lambda seen: seen.copies)),
    ("largest second difference of the decoded line over the mean step", of_points(lambda seen: seen.second_difference)),
)
