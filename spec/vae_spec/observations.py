"""Measurements of a trained model: reconstructions, prior samples, latents and paths; and a few pictures for reports.

These are part of the evidence (`vae_spec.evidence`): measured by the experiments, read by claims and reports. Images are measured in
[0, 1] regardless of the implementation's range, and features are those of a small classifier trained on the same data.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Reconstructions:
    """The sharpness of reconstructions of held-out items from z = mu (Deep Learning Notes 13.4.2).

    Attributes:
        squared_error: squared error summed over an item's pixels, mean over items.
        laplacian: variance of the Laplacian over an item's pixels, mean over items.
        laplacian_originals: the same for the originals.
        high_frequencies: energy above the radius beyond which the originals have a tenth of their power, mean over items.
        high_frequencies_originals: the same for the originals.
    """

    squared_error: float
    laplacian: float
    laplacian_originals: float
    high_frequencies: float
    high_frequencies_originals: float


@dataclass(frozen=True)
class PriorSamples:
    """Decoded draws from N(0, I), compared with held-out items in feature space (Deep Learning Notes 13.4.3).

    Attributes:
        density, coverage: see `vae_spec.statistics.samples.Fidelity`.
        data_coverage: the coverage of as many training items, as a reference value.
        laplacian: variance of a sample's Laplacian, mean over samples.
        entropy: entropy of the predicted classes, over its largest value.
        classes, all_classes: number of predicted classes that occur, and of all classes.
        nearest_over_held_out: median distance from a sample to its nearest training item, over that to its nearest held-out item (pixels):
            near 1 for samples independent of which items were trained on, 0 for copies.
    """

    density: float
    coverage: float
    data_coverage: float
    laplacian: float
    entropy: float
    classes: int
    all_classes: int
    nearest_over_held_out: float


@dataclass(frozen=True)
class Codes:
    """The latents of held-out items (Deep Learning Notes 13.4.4).

    Attributes:
        mean_variance: variance of the aggregate posterior, mean over dimensions: 1 for N(0, I).
        mmd2: squared maximum mean discrepancy of the aggregate posterior to N(0, I).
        information: lower-bound estimate of I(x; z), nats; at most the log of the number of items.
        neighbour_accuracy: accuracy of classifying an item by the nearest training means.
        chance: share of the most frequent class.
        components: number of connected components of the graph that joins each mean with its ten nearest.
        mixed_neighbours: share of means that have a mean of another class among their ten nearest.
    """

    mean_variance: float
    mmd2: float
    information: float
    neighbour_accuracy: float
    chance: float
    components: int
    mixed_neighbours: float


@dataclass(frozen=True)
class Paths:
    """Decoded straight lines between two latents (Deep Learning Notes 13.4.5).

    Attributes:
        second_difference: largest second difference of a line over its mean step, mean over lines; nan if no line moves.
        longest_step: longest step over the mean step, mean over lines.
        middle_density: density in feature space of the decoded middles between two items' means.
        ends_density: density of their ends.
        cross_fade_density: density of the middles of pixel cross-fades of the same items.
        prior_middle_density: density of the decoded middles between two draws from N(0, I).
    """

    second_difference: float
    longest_step: float
    middle_density: float
    ends_density: float
    cross_fade_density: float
    prior_middle_density: float


@dataclass(frozen=True)
class Pictures:
    """Pictures for reports: arrays in [0, 1], of shape (items, height, width) or (items, height, width, 3).

    Attributes:
        originals, reconstructions: the first held-out items and their reconstructions from z = mu.
        samples: decoded draws from N(0, I).
        strip: the decoded line between the means of two held-out items of different classes.
        means: mu of held-out items, of shape (items, latent).
        codes: one draw of z for each of them, of shape (items, latent); the means for an autoencoder.
        labels: their classes.
    """

    originals: Array
    reconstructions: Array
    samples: Array
    strip: Array
    means: Array
    codes: Array
    labels: NDArray[np.int64]


@dataclass(frozen=True)
class ImageObservations:
    """All measurements of one trained model on images."""

    reconstructions: Reconstructions
    samples: PriorSamples
    codes: Codes
    paths: Paths
    pictures: Pictures


@dataclass(frozen=True)
class PointObservations:
    """Measurements of a trained model of the 2-D lab (VAE Basics 6.6.3, lab).

    Attributes:
        energy_distance: from decoded draws from N(0, I) to fresh points of the clusters; 0 for equal distributions.
        data_energy_distance: between two sets of fresh points of the same sizes.
        near: share of decoded draws within three standard deviations of a cluster or of the line between the two.
        copies: share of decoded draws as close to a training point as only one in a hundred fresh points is.
        second_difference: largest second difference over the mean step of the decoded line along the most active latent axis; nan if it
            does not move.
        generated: decoded draws, of shape (items, 2).
        line: the decoded line, of shape (points, 2).
        means: mu of the training points, of shape (items, latent).
    """

    energy_distance: float
    data_energy_distance: float
    near: float
    copies: float
    second_difference: float
    generated: Array
    line: Array
    means: Array
