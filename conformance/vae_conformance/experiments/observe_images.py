"""Measurements of a trained subject on images, rows or series: reconstructions, prior samples, latents and paths, and pictures of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse.linalg import svds
from torch import Tensor

from vae_conformance.data.datasets import Dataset, image_shape, items_for
from vae_conformance.data.tables import Form, as_series
from vae_conformance.experiments.features import ITEMS, FeatureSpace
from vae_spec.context import derive_seed
from vae_spec.observations import Codes, ImageObservations, Paths, Pictures, PriorSamples, Reconstructions
from vae_spec.statistics.latents import (
    graph_of_neighbours,
    mean_variance,
    mmd2_to_prior,
    mutual_information,
    neighbour_accuracy,
)
from vae_spec.statistics.paths import path_plausibility, path_shape, straight_line
from vae_spec.statistics.samples import class_use, fidelity, nearest
from vae_spec.statistics.sharpness import high_frequency_energy, high_frequency_radius, laplacian_variance
from vae_spec.subject import Facts, InputKind, Subject, SubjectFault

LINES, POINTS = 40, 21
"""The number of paths, and of points on each."""
LARGEST_MEAN, LARGEST_LOGVAR = 1e10, 60.0
"""Latents beyond these have diverged; sums and products of their squares and exponentials would overflow."""
LEAST_LOGVAR = -200.0
"""Log-variances are clamped here: less noise makes no difference."""
MOST_FOR_VARIANCE = 2000
"""The number of training items from which the largest variance is computed."""
VOTING = 1000
"""The number of training means that vote for the class of a held-out one."""
SHOWN, SAMPLES_SHOWN, STRIP = 10, 32, 11
"""Numbers of items in the pictures; of rows, all are kept, since a single one shows nothing."""
IMAGE_AXES = 4
"""Axes of images as they are measured; rows have two and series three."""

Values = NDArray[np.float64]
Single = NDArray[np.float32]


@dataclass(frozen=True)
class ImageContext:
    """Data and feature space with which the trained subjects of one run are compared.

    Attributes:
        data: the data set.
        space: the feature space at the subject's shape of items.
        train, test: the items as the subject takes them, of shape (items, *input_shape).
        facts: the subject's facts.
        form: how rows or series are given to the subject.
    """

    data: Dataset
    space: FeatureSpace
    train: Tensor
    test: Tensor
    facts: Facts
    form: Form = Form.SCALED

    @cached_property
    def limits(self) -> tuple[float, float]:
        """The values that are measured as 0 and 1: the ends of the subject's range, or 0 and 1 for standardised items."""
        standardised = self.data.kind is not InputKind.IMAGE and self.form is Form.STANDARDISED
        return (0.0, 1.0) if standardised else self.facts.input_range

    def measured(self, x: Tensor) -> Values:
        """Convert items in data space to what is measured.

        Images in [0, 1] of shape (items, channels, height, width), rows of shape (items, columns), or series of shape (items, length,
        channels), in the same range or standardised.
        """
        low, high = self.limits
        values, shape = (x.detach().double().cpu() - low) / (high - low), self.facts.input_shape
        match self.data.kind:
            case InputKind.IMAGE:
                return np.asarray(values.reshape(len(x), *image_shape(shape)).numpy())
            case InputKind.SERIES:
                return as_series(values.numpy(), shape)
            case _:
                return np.asarray(values.numpy())

    @cached_property
    def originals(self) -> Values:
        """The held-out items that are compared, as they are measured."""
        return self.measured(self.test[:ITEMS])

    @cached_property
    def seen(self) -> Single:
        """The training items as vectors in the units of `measured`, in single precision to save memory."""
        return self._vectors(self.train)

    @cached_property
    def unseen(self) -> Single:
        """The held-out items as vectors in the units of `measured`."""
        return self._vectors(self.test)

    def _vectors(self, x: Tensor) -> Single:
        if self.data.kind is InputKind.SERIES:
            return self.measured(x).reshape(len(x), -1).astype(np.float32)
        low, high = self.limits
        return np.asarray(((x - low) / (high - low)).flatten(1).float().cpu().numpy())

    @property
    def shown(self) -> int:
        """The number of held-out items that are kept as pictures."""
        return ITEMS if self.data.kind is InputKind.ROW else SHOWN

    @property
    def samples_shown(self) -> int:
        """The number of prior samples that are kept as pictures."""
        return ITEMS if self.data.kind is InputKind.ROW else SAMPLES_SHOWN

    @cached_property
    def largest_variance(self) -> float:
        """The largest variance of the training items in any direction, in the subject's own units."""
        items = self.train[:MOST_FOR_VARIANCE].flatten(1).double().cpu().numpy()
        centred = items - items.mean(0)
        largest = np.asarray(svds(centred, k=1, v0=np.ones(min(centred.shape)), return_singular_vectors=False)).item()
        return float(largest) ** 2 / (len(items) - 1)


class RunawayError(Exception):
    """The latents of a trained model have diverged, so nothing can be measured on them."""


def observe_images(subject: Subject, context: ImageContext, *, noise: bool) -> ImageObservations:
    """Measure a trained subject on images, rows or series.

    Without `noise`, for an autoencoder, latents are the means.

    Raises:
        RunawayError: its latents have diverged.
        SubjectFault: the implementation's code failed or returned values that are not finite.
    """
    facts, test = subject.facts, context.test[:ITEMS]
    posterior = subject.posterior(test)
    mu, logvar = posterior.mu.double().cpu().numpy(), posterior.logvar.double().cpu().numpy()
    if not (np.abs(mu).max() < LARGEST_MEAN and logvar.max() < LARGEST_LOGVAR):
        raise RunawayError
    logvar = np.maximum(logvar, LEAST_LOGVAR)
    if not noise:
        logvar = np.full_like(mu, -np.inf)
    prior = _normal((len(test), facts.latent_dim), "prior samples")

    def decode(codes: Values) -> Values:
        items = context.measured(subject.data(subject.decode(torch.tensor(codes, dtype=torch.float32))))
        if not np.isfinite(items).all():
            raise SubjectFault("decode", "gives values that are not finite after training", "overflow")
        return items

    originals, back, samples = context.originals, decode(mu), decode(prior)
    labels = context.data.test_labels[: len(test)].numpy()
    training = subject.posterior(context.train[:VOTING]).mu.double().cpu().numpy()
    lines = _between(labels)
    return ImageObservations(
        reconstructions=_reconstructions(back, originals),
        samples=prior_samples(samples, context),
        codes=_codes(mu, logvar, labels, training, context.data.train_labels[:VOTING].numpy()),
        paths=_paths(decode, mu, prior, originals, lines, context.space),
        pictures=Pictures(
            originals=_picture(originals[: context.shown]),
            reconstructions=_picture(back[: context.shown]),
            samples=_picture(samples[: context.samples_shown]),
            strip=_picture(decode(straight_line(mu[lines[0][0]], mu[lines[0][1]], STRIP))),
            means=mu,
            codes=mu + np.exp(0.5 * logvar) * _normal(mu.shape, "held out"),
            labels=labels,
        ),
    )


def _normal(shape: tuple[int, ...], *labels: object) -> Values:
    return np.random.default_rng(derive_seed("observation", *labels)).standard_normal(shape)


def _between(labels: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Return `LINES` disjoint pairs of indices of items of different classes."""
    pairs: list[tuple[int, int]] = []
    first = 0
    while len(pairs) < LINES:
        second = next(index for index in range(first + 1, len(labels)) if labels[index] != labels[first])
        pairs.append((first, second))
        first = second + 1
    return pairs


def _reconstructions(back: Values, originals: Values) -> Reconstructions:
    squared_error = float(np.square(back - originals).reshape(len(back), -1).sum(1).mean())
    if originals.ndim != IMAGE_AXES:
        return Reconstructions(squared_error, math.nan, math.nan, math.nan, math.nan)
    radius = high_frequency_radius(originals)
    return Reconstructions(
        squared_error=squared_error,
        laplacian=float(laplacian_variance(back).mean()),
        laplacian_originals=float(laplacian_variance(originals).mean()),
        high_frequencies=float(high_frequency_energy(back, radius).mean()),
        high_frequencies_originals=float(high_frequency_energy(originals, radius).mean()),
    )


def prior_samples(samples: Values, context: ImageContext) -> PriorSamples:
    """Measure the quality of samples, as `ImageContext.measured` gives them."""
    space = context.space
    found = fidelity(space.held_out, space.features(samples))
    use = class_use(space.probabilities(samples))
    made = samples.reshape(len(samples), -1).astype(np.float32)
    to_seen = float(np.median(nearest(made, context.seen)))
    to_unseen = float(np.median(nearest(made, context.unseen)))
    return PriorSamples(
        density=found.density,
        coverage=found.coverage,
        data_coverage=space.of_data.coverage,
        laplacian=float(laplacian_variance(samples).mean()) if samples.ndim == IMAGE_AXES else math.nan,
        entropy=use.entropy,
        classes=len(use.present),
        all_classes=len(use.shares),
        nearest_over_held_out=to_seen / max(to_unseen, 1e-30),
    )


def _codes(mu: Values, logvar: Values, labels: NDArray[np.int64], training: Values, training_labels: NDArray[np.int64]) -> Codes:
    generator = np.random.default_rng(derive_seed("observation", "information"))
    noisy = bool(np.isfinite(logvar).all())
    graph = graph_of_neighbours(mu, labels)
    return Codes(
        mean_variance=mean_variance(mu, logvar),
        mmd2=mmd2_to_prior(mu, logvar),
        # A latent without noise identifies its item.
        information=mutual_information(mu, logvar, generator) if noisy else math.log(len(mu)),
        neighbour_accuracy=neighbour_accuracy(training, training_labels, mu, labels),
        chance=float(np.bincount(labels).max() / len(labels)),
        components=graph.components,
        mixed_neighbours=graph.mixed,
    )


def _paths(
    decode: Callable[[Values], Values], mu: Values, prior: Values, originals: Values, lines: list[tuple[int, int]], space: FeatureSpace
) -> Paths:
    ends = np.array(lines)
    between = straight_line(mu[ends[:, 0]], mu[ends[:, 1]], POINTS).swapaxes(0, 1)
    drawn = straight_line(prior[: 2 * len(lines) : 2], prior[1 : 2 * len(lines) : 2], POINTS).swapaxes(0, 1)
    faded = straight_line(originals[ends[:, 0]], originals[ends[:, 1]], POINTS).swapaxes(0, 1)

    def features(items: Values) -> Values:
        return space.features(items.reshape(-1, *originals.shape[1:])).reshape(len(lines), POINTS, -1)

    decoded = decode(between.reshape(-1, mu.shape[1]))
    real = np.delete(space.held_out, ends.ravel(), axis=0)
    plausible = path_plausibility(real, features(decoded), features(faded))
    at_random = path_plausibility(real, features(decode(drawn.reshape(-1, mu.shape[1]))), features(faded))
    shapes = [path_shape(line) for line in decoded.reshape(len(lines), POINTS, -1)]
    moving = [shape for shape in shapes if shape.moves]
    return Paths(
        second_difference=float(np.mean([shape.second_difference for shape in moving])) if moving else math.nan,
        longest_step=float(np.mean([shape.longest_step for shape in moving])) if moving else math.nan,
        middle_density=plausible.middle,
        ends_density=plausible.ends,
        cross_fade_density=plausible.cross_fade,
        prior_middle_density=at_random.middle,
    )


def _picture(items: Values) -> Values:
    """Convert images for display: without the channel if grey, with channels last if colour; rows and series are left as they are."""
    if items.ndim != IMAGE_AXES:
        return items
    return items[:, 0] if items.shape[1] == 1 else np.moveaxis(items, 1, -1)


def image_context(data: Dataset, space: FeatureSpace, facts: Facts, form: Form = Form.SCALED) -> ImageContext:
    """Make the data as a subject takes it, with at most a thousand held-out items."""
    train, test = items_for(data, facts.input_shape, facts.input_range, form)
    if facts.counts:
        train, test = train.round(), test.round()
    return ImageContext(data, space, train, test, facts, form)
