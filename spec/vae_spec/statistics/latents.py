"""Statistics of latents: the aggregate posterior against N(0, I), information about x, active dimensions, labels.

Latents are given as the encoder's two outputs, mu and logvar of shape (items, latent). The aggregate posterior is their mixture,
q(z) = mean over items of N(mu, diag(exp(logvar))). An autoencoder's latents have no noise: pass logvar = -inf (`without_noise`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy import special, stats
from scipy.sparse.csgraph import connected_components
from scipy.spatial import distance

from vae_spec.statistics.functionals import ACTIVE_VARIANCE
from vae_spec.statistics.samples import NEIGHBOURS, as_points

SCALES = (0.25, 1.0, 4.0)
"""Squared widths of the kernels, in units of the number of dimensions: the narrow one detects clumps, the wide one the overall spread."""
GRAPH_NEIGHBOURS = 10
"""Number of neighbours joined to each mean in the graph."""
LARGEST_LOGVAR = 700.0
"""Just below where exp(logvar) overflows in double precision."""
CHUNK = 2**16
"""Values per block of a table over pairs of items: half a megabyte, which fits the processor's cache."""

Codes = Float[np.ndarray, "items latent"]
OtherCodes = Float[np.ndarray, "others latent"]
PerDimension = Float[np.ndarray, " latent"]


def without_noise(mu: Codes) -> Codes:
    """Return the logvar of latents without noise, such as an autoencoder's: -inf, in the shape of mu."""
    return np.full(np.shape(mu), -np.inf)


def _checked(mu: Codes, logvar: Codes, least: int, *, noisy: bool = False) -> tuple[Codes, Codes]:
    """Validate mu and logvar and return both in double precision; `noisy` rejects latents without noise."""
    means = as_points(mu, "the means", least)
    logs = np.asarray(logvar, dtype=np.float64)
    if logs.shape != means.shape:
        raise ValueError(f"mu and logvar need one shape; they have {means.shape} and {logs.shape}")
    if not (logs < LARGEST_LOGVAR).all():
        raise ValueError("logvar holds values that are not numbers, or so large that their exponential is none")
    if noisy and (logs == -np.inf).any():
        raise ValueError("a code without noise carries infinitely much information: logvar has to be finite here")
    return means, logs


def draw(mu: Codes, logvar: Codes, generator: np.random.Generator) -> Codes:
    """Draw one z = mu + exp(logvar / 2) eps for each item, of shape (items, latent): together a sample of the aggregate posterior.

    Raises:
        ValueError: shapes that differ, or values that are not finite (except logvar = -inf).
    """
    means, logs = _checked(mu, logvar, 1)
    return np.asarray(means + np.exp(logs / 2) * generator.standard_normal(means.shape))


@dataclass(frozen=True)
class AggregatePosterior:
    """The first two moments of the aggregate posterior; those of N(0, I) are 0 and 1.

    Attributes:
        mean: E mu of each dimension, of shape (latent,).
        variance: var(mu) + E sigma^2 of each dimension, of shape (latent,).
        covariance: cov(mu) + diag(E sigma^2), of shape (latent, latent).
    """

    mean: PerDimension
    variance: PerDimension
    covariance: Float[np.ndarray, "latent latent"]

    @property
    def mean_variance(self) -> float:
        """The variance, averaged over dimensions: 1 under the prior."""
        return float(self.variance.mean())

    @property
    def mean_offset(self) -> float:
        """The length of the mean, divided by the square root of the number of dimensions: 0 under the prior."""
        return float(np.sqrt(np.square(self.mean).mean()))

    @property
    def marginal_kl(self) -> PerDimension:
        """KL(N(m, v) || N(0, 1)) = (v + m^2 - 1 - log v) / 2 of each dimension, nats; inf for a constant dimension."""
        with np.errstate(divide="ignore"):
            return np.asarray((self.variance + np.square(self.mean) - 1 - np.log(self.variance)) / 2)

    @property
    def joint_kl(self) -> float:
        """KL(N(m, C) || N(0, I)) / latent, nats per dimension; also detects correlated dimensions. inf unless C has full rank."""
        sign, log_determinant = np.linalg.slogdet(self.covariance)
        if sign <= 0:
            return math.inf
        return float((self.variance + np.square(self.mean) - 1).sum() - log_determinant) / 2 / len(self.mean)


def aggregate_posterior(mu: Codes, logvar: Codes) -> AggregatePosterior:
    """Compute the moments of q(z) without sampling (law of total variance).

    Raises:
        ValueError: fewer than two items, shapes that differ, or values that are not finite (except logvar = -inf).
    """
    means, logs = _checked(mu, logvar, 2)
    covariance = np.atleast_2d(np.cov(means, rowvar=False)) + np.diag(np.exp(logs).mean(0))
    return AggregatePosterior(means.mean(0), np.diag(covariance).copy(), covariance)


def kl_per_dimension(mu: Codes, logvar: Codes) -> PerDimension:
    """Compute E_x KL(N(mu, sigma^2) || N(0, 1)) = E (mu^2 + sigma^2 - 1 - logvar) / 2 of each dimension, nats, of shape (latent,).

    Raises:
        ValueError: no items, shapes that differ, or values that are not finite.
    """
    means, logs = _checked(mu, logvar, 1, noisy=True)
    return np.asarray((np.square(means) + np.expm1(logs) - logs).mean(0) / 2)


def active_units(mu: Codes, threshold: float = ACTIVE_VARIANCE) -> int:
    """Count the dimensions whose mean has a variance over items above the threshold (Burda et al. 2016, section 5.1).

    Raises:
        ValueError: fewer than two items, or values that are not finite.
    """
    return int((np.var(as_points(mu, "the means", least=2), axis=0, ddof=1) > threshold).sum())


def mmd2(first: Codes, second: OtherCodes, scales: Sequence[float] = SCALES) -> float:
    """Compute the unbiased squared maximum mean discrepancy of two samples (Gretton et al. 2012, lemma 6).

    The kernel is the mean over s of exp(-|x - y|^2 / (2 d s)), d the number of dimensions. Its widths are fixed in advance: a median of the
    data's own distances would adapt to the very spread to be detected. At most 2; 0 on average if both have the same distribution.

    Args:
        first: of shape (items, latent).
        second: of shape (others, latent).
        scales: s, squared widths in units of d.

    Raises:
        ValueError: fewer than two items in a set, different numbers of dimensions, no positive scales, or values that are not finite.
    """
    x, y = as_points(first, "the first codes", least=2), as_points(second, "the second codes", least=2)
    if x.shape[1] != y.shape[1]:
        raise ValueError(f"both sets need the same number of dimensions; they have {x.shape[1]} and {y.shape[1]}")
    widths = _widths(scales, x.shape[1])

    def kernel(a: Codes, b: OtherCodes) -> Float[np.ndarray, "items others"]:
        squares = distance.cdist(a, b, "sqeuclidean")
        return np.asarray(sum(np.exp(-squares / (2 * width)) for width in widths) / len(widths))

    n, m = len(x), len(y)
    # The kernel of a point with itself is 1 and is excluded from both averages.
    within = (kernel(x, x).sum() - n) / (n * (n - 1)) + (kernel(y, y).sum() - m) / (m * (m - 1))
    return float(within - 2 * kernel(x, y).mean())


def _widths(scales: Sequence[float], dimensions: int) -> list[float]:
    if not scales or not all(scale > 0 and math.isfinite(scale) for scale in scales):
        raise ValueError(f"kernels need at least one scale, and each above 0; got {list(scales)}")
    return [scale * dimensions for scale in scales]


def mmd2_to_prior(mu: Codes, logvar: Codes, scales: Sequence[float] = SCALES) -> float:
    """Compute the squared maximum mean discrepancy of the aggregate posterior to N(0, I), with `mmd2`'s kernel and without sampling.

    All three expectations are Gaussian integrals: for latents with noise s_i and s_j and a squared width h, with v = h + s_i^2 + s_j^2,
    E k = prod_d sqrt(h / v) exp(-(mu_i - mu_j)^2 / (2 v)); the prior is a latent of mean 0 and noise 1. Pairs of an item with itself are
    excluded, so the estimate is unbiased over items, whose choice is the only randomness left. It is the mean of `mmd2` over all draws.

    Raises:
        ValueError: fewer than two items, shapes that differ, no positive scales, or values that are not finite (except logvar = -inf).
    """
    means, logs = _checked(mu, logvar, 2)
    n, d = means.shape
    variances = np.exp(logs)
    origin, unit = np.zeros((1, d)), np.ones((1, d))
    found = []
    for h in _widths(scales, d):
        own = float(np.exp(-np.log1p(2 * variances / h).sum(1) / 2).sum())
        within = (_mean_kernel(means, variances, means, variances, h) * n * n - own) / (n * (n - 1))
        found.append(within - 2 * _mean_kernel(means, variances, origin, unit, h) + math.exp(-d * math.log1p(2 / h) / 2))
    return float(np.mean(found))


def _mean_kernel(mu: Codes, variance: Codes, other_mu: OtherCodes, other_variance: OtherCodes, h: float) -> float:
    """Compute the mean over pairs of latents of E exp(-|z - z'|^2 / (2 h))."""
    rows = max(1, CHUNK // other_mu.size)
    total = 0.0
    for start in range(0, len(mu), rows):
        part = slice(start, start + rows)
        noise = variance[part, None, :] + other_variance[None, :, :]
        noise += h
        gaps = np.square(mu[part, None, :] - other_mu[None, :, :])
        with np.errstate(over="ignore"):
            # Each factor is at least 1: a product that overflows gives a kernel of 0, as it should.
            widening = (noise / h).prod(2)
        total += float((np.exp(-(gaps / noise).sum(2) / 2) / np.sqrt(widening)).sum())
    return total / (len(mu) * len(other_mu))


@dataclass(frozen=True)
class MutualInformation:
    """Bounds of I(x; z) = E[log q(z|x) - log q(z)], nats; the true value lies between them on average (Poole et al. 2019, section 2).

    Attributes:
        lower: with q(z) the mean over all n items, including the item's own. Never above `saturation`, even if the information is.
        upper: with q(z) the mean over the other n - 1 items. Far too large if the latents of different items do not overlap.
        upper_by_moments: E KL(q(z|x) || p(z)) - KL(fit || p(z)), with the Gaussian fit that has q(z)'s moments. Exact if q(z) is
            Gaussian, otherwise too large by KL(q(z) || fit); does not saturate. Needs many more items than dimensions.
        standard_error: standard error of `lower` over items, as if they were independent.
        saturation: log n. If `lower` is within about a nat of it, read it as "at least".
    """

    lower: float
    upper: float
    upper_by_moments: float
    standard_error: float
    saturation: float


def mutual_information(mu: Codes, logvar: Codes, generator: np.random.Generator) -> MutualInformation:
    """Estimate the information of z about x from one draw per item and all items' posteriors.

    lower = mean_i [log q(z_i|x_i) - log (1/n) sum_j q(z_i|x_j)], by log-sum-exp; upper excludes j = i. E KL(q(z|x) || p(z)) is the
    information plus the gap KL(q(z) || p(z)), of which the Gaussian fit captures the part due to its moments (Hoffman and Johnson 2016).

    Args:
        mu: of shape (items, latent).
        logvar: of shape (items, latent), finite.
        generator: generator of the draws.

    Raises:
        ValueError: fewer than two items, shapes that differ, or values that are not finite.
    """
    means, logs = _checked(mu, logvar, 2, noisy=True)
    n = len(means)
    eps = generator.standard_normal(means.shape)
    z = means + np.exp(logs / 2) * eps
    # The constant log(2 pi) / 2 per dimension is the same in every density and omitted. An item's own distance is exactly its noise.
    own = -(np.square(eps) + logs).sum(1) / 2
    mixture, others = np.empty(n), np.empty(n)
    rows = max(1, CHUNK // means.size)
    for start in range(0, n, rows):
        part = np.arange(start, min(start + rows, n))
        table = _log_density(z[part], means, logs)
        diagonal = (np.arange(len(part)), part)
        table[diagonal] = own[part]
        mixture[part] = special.logsumexp(table, axis=1) - math.log(n)
        table[diagonal] = -np.inf
        others[part] = special.logsumexp(table, axis=1) - math.log(n - 1)
    gains = own - mixture
    gap = len(means[0]) * aggregate_posterior(means, logs).joint_kl
    return MutualInformation(
        lower=float(gains.mean()),
        upper=float((own - others).mean()),
        upper_by_moments=float(kl_per_dimension(means, logs).sum()) - gap,
        standard_error=float(gains.std(ddof=1)) / math.sqrt(n),
        saturation=math.log(n),
    )


def _log_density(z: OtherCodes, mu: Codes, logvar: Codes) -> Float[np.ndarray, "others items"]:
    """Compute log N(z_i; mu_j, exp(logvar_j)) for all pairs, without its constant; -inf if the square overflows."""
    with np.errstate(over="ignore"):
        # Bounded, so that a distance of 0 stays 0 for any noise.
        gaps = (z[:, None, :] - mu[None, :, :]) * np.exp(np.minimum(-logvar, LARGEST_LOGVAR) / 2)[None, :, :]
        return np.asarray(-(np.square(gaps) + logvar[None, :, :]).sum(2) / 2)


def neighbour_accuracy(
    means: Codes,
    labels: Int[np.ndarray, " items"],
    queries: OtherCodes | None = None,
    query_labels: Int[np.ndarray, " others"] | None = None,
    k: int = NEIGHBOURS,
) -> float:
    """Compute the accuracy of k-nearest-neighbour classification of the means; ties go to the smallest label.

    Only the order of distances counts, not regularity: an autoencoder, or a collapsed encoder's tiny means, may score as high.

    Args:
        means: means of the voting items, of shape (items, latent).
        labels: their classes.
        queries: means of other items to classify, of shape (others, latent); if None, each item is classified by all others.
        query_labels: the classes of `queries`, required with them.
        k: number of neighbours.

    Raises:
        ValueError: fewer than k voters for an item, labels that do not match, different dimensions, or values that are not finite.
    """
    from sklearn.neighbors import NearestNeighbors  # noqa: PLC0415  scikit-learn takes a while to import, and exact runs do not need it

    if k < 1:
        raise ValueError(f"k counts neighbours and is at least 1, not {k}")
    if (queries is None) != (query_labels is None):
        raise ValueError("means to vote on and their labels are given together, or neither")
    voters = as_points(means, "the means", least=k if queries is not None else k + 1)
    asked = None if queries is None else as_points(queries, "the means to vote on")
    if asked is not None and asked.shape[1] != voters.shape[1]:
        raise ValueError(f"both sets need the same number of dimensions; they have {voters.shape[1]} and {asked.shape[1]}")
    truth = labels if query_labels is None else query_labels
    if len(labels) != len(voters) or len(truth) != len(voters if asked is None else asked):
        raise ValueError("one label an item is needed")
    # The search expands the square: far from the origin, rounding would make close means indistinguishable.
    centre = voters.mean(0)
    index = NearestNeighbors(n_neighbors=k).fit(voters - centre)
    found = index.kneighbors(None if asked is None else asked - centre, return_distance=False)
    votes = stats.mode(np.asarray(labels)[found], axis=1).mode
    return float((votes == truth).mean())


@dataclass(frozen=True)
class NeighbourGraph:
    """Properties of the graph that joins each mean with its nearest neighbours.

    Attributes:
        components: the number of connected components; 1 if all means are connected.
        mixed: the share of means that have a mean of another class among their neighbours.
    """

    components: int
    mixed: float


def graph_of_neighbours(means: Codes, labels: Int[np.ndarray, " items"], k: int = GRAPH_NEIGHBOURS) -> NeighbourGraph:
    """Measure whether classes are connected or isolated. Connected classes do not distinguish a VAE: an autoencoder has them too.

    Args:
        means: of shape (items, latent).
        labels: their classes.
        k: number of neighbours of each mean.

    Raises:
        ValueError: fewer than k + 1 items, labels that do not match, or values that are not finite.
    """
    from sklearn.neighbors import kneighbors_graph  # noqa: PLC0415  scikit-learn takes a while to import, and exact runs do not need it

    points = as_points(means, "the means", least=k + 1)
    if len(labels) != len(points):
        raise ValueError("one label an item is needed")
    graph = kneighbors_graph(points - points.mean(0), k)
    neighbours = graph.indices.reshape(len(points), k)
    components, _ = connected_components(graph, directed=False)
    classes = np.asarray(labels)
    return NeighbourGraph(int(components), float((classes[neighbours] != classes[:, None]).any(1).mean()))
