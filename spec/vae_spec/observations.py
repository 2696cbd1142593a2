"""What one looks at in a trained model, in numbers: reconstructions, prior samples, codes and paths; and a few pictures to show.

These are part of the evidence (`vae_spec.evidence`): measured by the experiments, looked at by claims and reports. Images are measured in
[0, 1], whatever range the implementation takes, and features are those of a small classifier trained on the same data.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Reconstructions:
    """How sharp the reconstructions of held-out items are, from z = mu (Deep Learning Notes 13.4.2).

    Attributes:
        squared_error: an item's squared error, summed over its pixels, mean over items.
        laplacian: the variance of the Laplacian over an item's pixels, mean over items.
        laplacian_originals: the same of the originals.
        high_frequencies: energy above the radius that holds the originals' last tenth of power, mean over items.
        high_frequencies_originals: the same of the originals.
    """

    squared_error: float
    laplacian: float
    laplacian_originals: float
    high_frequencies: float
    high_frequencies_originals: float


@dataclass(frozen=True)
class PriorSamples:
    """What codes from N(0, I) decode to, against held-out items in feature space (Deep Learning Notes 13.4.3).

    Attributes:
        items: how many samples, and as many held-out items.
        precision, density, coverage: see `vae_spec.statistics.samples.Fidelity`.
        data_density, data_coverage: the same of as many training items: what the data itself reaches.
        laplacian: the variance of a sample's Laplacian, mean over samples.
        entropy: of the predicted classes, over its largest value.
        classes, all_classes: predicted classes that appear, and those there are.
        nearest_over_data: the median distance of a sample to its nearest training item, over that of a held-out item (pixels).
        nearest_over_held_out: the same, over that to its nearest held-out item: near 1 for samples that know nothing of which items were
            trained on, 0 for copies.
    """

    items: int
    precision: float
    density: float
    coverage: float
    data_density: float
    data_coverage: float
    laplacian: float
    entropy: float
    classes: int
    all_classes: int
    nearest_over_data: float
    nearest_over_held_out: float


@dataclass(frozen=True)
class Codes:
    """How the codes of held-out items lie (Deep Learning Notes 13.4.4).

    Attributes:
        mean_variance: of the aggregate posterior's dimensions, mean over them: 1 for N(0, I).
        mmd2: squared maximum mean discrepancy of the aggregate posterior to N(0, I).
        marginal_kl: of its Gaussian fit to N(0, 1), mean over dimensions, nats.
        information: I(x; z), nats, estimated from below; at most `saturation`.
        saturation: log of the number of items.
        neighbour_accuracy: how often the nearest training means tell an item's class.
        chance: the share of the most frequent class.
        components: connected parts of the graph that joins each mean with its ten nearest.
        mixed_neighbours: the share of means with one of another class among their ten nearest.
    """

    mean_variance: float
    mmd2: float
    marginal_kl: float
    information: float
    saturation: float
    neighbour_accuracy: float
    chance: float
    components: int
    mixed_neighbours: float


@dataclass(frozen=True)
class Paths:
    """How decoded straight lines between two codes run (Deep Learning Notes 13.4.5).

    Attributes:
        lines: how many.
        second_difference: of a line, the largest over the mean step; mean over lines, nan where nothing moves.
        longest_step: the longest over the mean step, mean over lines.
        middle_density: of the decoded middles between two items' means, in feature space.
        ends_density: of their ends.
        cross_fade_density: of the middles of pixel cross-fades of the same items.
        prior_middle_density: of the decoded middles between two draws from N(0, I).
    """

    lines: int
    second_difference: float
    longest_step: float
    middle_density: float
    ends_density: float
    cross_fade_density: float
    prior_middle_density: float


@dataclass(frozen=True)
class Pictures:
    """What reports show: plain arrays in [0, 1], of shape (items, height, width) or (items, height, width, 3).

    Attributes:
        originals, reconstructions: the first held-out items and what becomes of them (z = mu).
        samples: decoded draws from N(0, I).
        strip: the decoded line between the means of two held-out items of different classes.
        means: mu of held-out items, (items, latent).
        codes: one draw of each of their codes, (items, latent); of an autoencoder its means.
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
class Sights:
    """All of it, of one trained model on images."""

    reconstructions: Reconstructions
    samples: PriorSamples
    codes: Codes
    paths: Paths
    pictures: Pictures


@dataclass(frozen=True)
class PointSights:
    """What one looks at in the tiny lab's trained model (VAE Basics 6.6.3, lab).

    Attributes:
        energy_distance: of decoded draws from N(0, I) to fresh points of the clusters; 0 for the same law.
        data_energy_distance: of two sets of fresh points, of the same numbers.
        near: the share of decoded draws within three standard deviations of a cluster or of the line between the two.
        copies: the share of decoded draws that lie as near to a training point as only one in a hundred fresh points does.
        second_difference: of the decoded line along the most active latent axis, the largest over the mean step; nan if nothing moves.
        generated: decoded draws, (items, 2).
        line: the decoded line, (points, 2).
        means: mu of the training points, (items, latent).
    """

    energy_distance: float
    data_energy_distance: float
    near: float
    copies: float
    second_difference: float
    generated: Array
    line: Array
    means: Array
