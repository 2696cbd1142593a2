"""Measurements of a trained subject in the 2-D lab: its generated points, and a decoded line."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray

from vae_conformance.data.datasets import clusters
from vae_conformance.guard.seeds import seeded
from vae_spec.context import derive_seed
from vae_spec.observations import PointObservations
from vae_spec.statistics.paths import path_shape, straight_line
from vae_spec.statistics.samples import COPY_QUANTILE, energy_distance, nearest
from vae_spec.subject import Subject, SubjectFault

DRAWS = 500
LINE_POINTS = 401
"""Number of points on the decoded line: a jump, relative to the mean step, grows with it; a bend, even a ReLU's kink, does not."""
SHOWN = 10
"""Every SHOWN-th point of the line is kept for display."""
LINE_ENDS = 2.0
"""The line runs from -2 to 2 on its axis, as the lab's third exercise has it."""
CENTRES = ((1.0, 0.0), (-1.0, 0.0))
DEVIATION = 0.15
NEAR = 3.0
"""A point within this many standard deviations of a cluster is near it."""

Values = NDArray[np.float64]


def observe_points(subject: Subject, seed: int) -> PointObservations:
    """Measure a trained subject on the lab's points.

    The seed is that of its recipe, the lab's, whose random stream began with the training points.

    Raises:
        SubjectFault: the implementation's code failed or returned values that are not finite.
    """
    trained_on = training_points(seed)
    fresh = [_fresh(index) for index in range(2)]
    codes = np.random.default_rng(derive_seed("observation", "prior samples")).standard_normal((DRAWS, subject.facts.latent_dim))
    mu = subject.posterior(trained_on).mu.double().cpu().numpy()
    axis = int(mu.var(0).argmax())
    ends = np.zeros((2, subject.facts.latent_dim))
    ends[:, axis] = -LINE_ENDS, LINE_ENDS
    generated, line = _decode(subject, codes), _decode(subject, straight_line(ends[0], ends[1], LINE_POINTS))
    points = trained_on.double().numpy()
    usual = np.quantile(nearest(fresh[0], points), COPY_QUANTILE)
    shape = path_shape(line)
    return PointObservations(
        energy_distance=energy_distance(generated, fresh[0]),
        data_energy_distance=energy_distance(fresh[1], fresh[0]),
        near=float((_distance_to_data(generated) <= NEAR * DEVIATION).mean()),
        copies=float((nearest(generated, points) <= usual).mean()),
        second_difference=shape.second_difference if shape.moves else math.nan,
        generated=generated,
        line=line[::SHOWN],
        means=mu,
    )


def training_points(seed: int) -> torch.Tensor:
    """Return the points that a run of the lab was trained on, of shape (256, 2): its random stream begins with them."""
    with seeded(seed, torch.device("cpu")):
        return clusters()


def _fresh(index: int) -> Values:
    """Draw points from the clusters that no training used."""
    with seeded(derive_seed("observation", "fresh points", index) % 2**31, torch.device("cpu")):
        return np.concatenate([clusters().double().numpy() for _ in range(2)])[:DRAWS]


def _decode(subject: Subject, codes: Values) -> Values:
    points = subject.data(subject.decode(torch.tensor(codes, dtype=torch.float32))).double().cpu().numpy()
    if not np.isfinite(points).all():
        raise SubjectFault("decode", "gives values that are not finite after training", "overflow")
    return np.asarray(points)


def _distance_to_data(points: Values) -> Values:
    """Return the distance of each point to the segment between the two centres."""
    right, left = np.array(CENTRES)
    along = np.clip((points - left) @ (right - left) / float((right - left) @ (right - left)), 0, 1)
    return np.asarray(np.linalg.norm(points - (left + along[:, None] * (right - left)), axis=1))
