"""What codes look like: the aggregate posterior against N(0, I), information about x, active dimensions, labels.

A code is given as the two arrays that an encoder gives, mu and logvar of shape (items, latent). The aggregate posterior is their mixture,
q(z) = mean over items of N(mu, diag(exp(logvar))). An autoencoder's code has no noise: give it logvar = -inf (`without_noise`).
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
"""Squared widths of the kernels, in units of the number of dimensions: the narrow one sees clumps, the wide one the whole's spread."""
GRAPH_NEIGHBOURS = 10
"""Neighbours that the graph of means joins."""
LARGEST_LOGVAR = 700.0
"""Just below where exp(logvar) overflows in double precision."""
CHUNK = 2**16
"""Values that a table over pairs of items holds at a time: half a megabyte, which stays in the processor's cache."""

Codes = Float[np.ndarray, "items latent"]
OtherCodes = Float[np.ndarray, "others latent"]
PerDimension = Float[np.ndarray, " latent"]


def without_noise(mu: Codes) -> Codes:
    """The logvar of a code that is not noisy at all, an autoencoder's: -inf, in the shape of mu."""
    return np.full(np.shape(mu), -np.inf)


def _checked(mu: Codes, logvar: Codes, least: int, *, noisy: bool = False) -> tuple[Codes, Codes]:
    """Both in double precision; `noisy` where a code without noise has no answer."""
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
    """One draw of each item's code, z = mu + exp(logvar / 2) eps: together a draw of the aggregate posterior, of shape (items, latent).

    Raises:
        ValueError: shapes that differ, or values that are not finite (but logvar = -inf).
    """
    means, logs = _checked(mu, logvar, 1)
    return np.asarray(means + np.exp(logs / 2) * generator.standard_normal(means.shape))


@dataclass(frozen=True)
class AggregatePosterior:
    """The first two moments of the aggregate posterior; those of N(0, I) are 0 and 1.

    Attributes:
        mean: of each dimension, E mu, of shape (latent,).
        variance: of each dimension, var(mu) + E sigma^2, of shape (latent,).
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
        """KL(N(m, v) || N(0, 1)) = (v + m^2 - 1 - log v) / 2 of each dimension, nats; inf where a dimension does not vary at all."""
        with np.errstate(divide="ignore"):
            return np.asarray((self.variance + np.square(self.mean) - 1 - np.log(self.variance)) / 2)

    @property
    def joint_kl(self) -> float:
        """KL(N(m, C) || N(0, I)) / latent, nats a dimension: sees correlated dimensions too. inf where C has no full rank."""
        sign, log_determinant = np.linalg.slogdet(self.covariance)
        if sign <= 0:
            return math.inf
        return float((self.variance + np.square(self.mean) - 1).sum() - log_determinant) / 2 / len(self.mean)


def aggregate_posterior(mu: Codes, logvar: Codes) -> AggregatePosterior:
    """The moments of q(z), without sampling (law of total variance).

    Raises:
        ValueError: fewer than two items, shapes that differ, or values that are not finite (but logvar = -inf).
    """
    means, logs = _checked(mu, logvar, 2)
    covariance = np.atleast_2d(np.cov(means, rowvar=False)) + np.diag(np.exp(logs).mean(0))
    return AggregatePosterior(means.mean(0), np.diag(covariance).copy(), covariance)


def kl_per_dimension(mu: Codes, logvar: Codes) -> PerDimension:
    """E_x KL(N(mu, sigma^2) || N(0, 1)) = E (mu^2 + sigma^2 - 1 - logvar) / 2 of each dimension, nats.

    Raises:
        ValueError: no items, shapes that differ, or values that are not finite.
    """
    means, logs = _checked(mu, logvar, 1, noisy=True)
    return np.asarray((np.square(means) + np.expm1(logs) - logs).mean(0) / 2)


def active_units(mu: Codes, threshold: float = ACTIVE_VARIANCE) -> int:
    """How many dimensions have a mean whose variance over items exceeds the threshold (Burda et al. 2016, section 5.1).

    Raises:
        ValueError: fewer than two items, or values that are not finite.
    """
    return int((np.var(as_points(mu, "the means", least=2), axis=0, ddof=1) > threshold).sum())


def mmd2(first: Codes, second: OtherCodes, scales: Sequence[float] = SCALES) -> float:
    """The unbiased squared maximum mean discrepancy of two samples (Gretton et al. 2012, lemma 6).

    The kernel is the mean over s of exp(-|x - y|^2 / (2 d s)), d the number of dimensions: widths fixed in advance, where a median of the
    data's own distances would follow the very spread that is to be seen. At most 2; 0 on average where both have one law.

    Args:
        first: (items, latent).
        second: (items, latent), of another length or the same.
        scales: s, squared widths in units of d.

    Raises:
        ValueError: fewer than two of either, different numbers of dimensions, no scales or one not above 0, or values that are not finite.
    """
    x, y = as_points(first, "the first codes", least=2), as_points(second, "the second codes", least=2)
    if x.shape[1] != y.shape[1]:
        raise ValueError(f"both sets need the same number of dimensions; they have {x.shape[1]} and {y.shape[1]}")
    widths = _widths(scales, x.shape[1])

    def kernel(a: Codes, b: OtherCodes) -> Float[np.ndarray, "items others"]:
        squares = distance.cdist(a, b, "sqeuclidean")
        return np.asarray(sum(np.exp(-squares / (2 * width)) for width in widths) / len(widths))

    n, m = len(x), len(y)
    # The kernel of a point with itself is 1: it is taken out of both averages.
    within = (kernel(x, x).sum() - n) / (n * (n - 1)) + (kernel(y, y).sum() - m) / (m * (m - 1))
    return float(within - 2 * kernel(x, y).mean())


def _widths(scales: Sequence[float], dimensions: int) -> list[float]:
    if not scales or not all(scale > 0 and math.isfinite(scale) for scale in scales):
        raise ValueError(f"kernels need at least one scale, and each above 0; got {list(scales)}")
    return [scale * dimensions for scale in scales]


def mmd2_to_prior(mu: Codes, logvar: Codes, scales: Sequence[float] = SCALES) -> float:
    """The squared maximum mean discrepancy of the aggregate posterior to N(0, I), with `mmd2`'s kernel and no sampling at all.

    All three expectations are integrals of Gaussians: for codes of noise s_i and s_j and a squared width h, with v = h + s_i^2 + s_j^2,
    E k = prod_d sqrt(h / v) exp(-(mu_i - mu_j)^2 / (2 v)), and the prior is a code of mean 0 and noise 1. Pairs of an item with itself are
    left out, so it is unbiased over items, whose choice is all that is left to chance. It is the mean of `mmd2` over all draws of z and of
    the prior, and steadier than any one of them.

    Raises:
        ValueError: fewer than two items, shapes that differ, no scales or one not above 0, or values that are not finite (but -inf in
            logvar).
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
    """The mean over pairs of codes of E exp(-|z - z'|^2 / (2 h))."""
    rows = max(1, CHUNK // other_mu.size)
    total = 0.0
    for start in range(0, len(mu), rows):
        part = slice(start, start + rows)
        noise = variance[part, None, :] + other_variance[None, :, :]
        noise += h
        gaps = np.square(mu[part, None, :] - other_mu[None, :, :])
        with np.errstate(over="ignore"):
            # Each factor is at least 1: a product beyond all bounds is a kernel of 0, as it should be.
            widening = (noise / h).prod(2)
        total += float((np.exp(-(gaps / noise).sum(2) / 2) / np.sqrt(widening)).sum())
    return total / (len(mu) * len(other_mu))


@dataclass(frozen=True)
class MutualInformation:
    """Bounds of I(x; z) = E[log q(z|x) - log q(z)], nats; the true value lies between them on average (Poole et al. 2019, section 2).

    Attributes:
        lower: with q(z) the mean over all n items, the item's own too. Never above `saturation`, however much more there is.
        upper: with q(z) the mean over the other n - 1 items. Far too large where the codes of different items do not overlap.
        upper_by_moments: E KL(q(z|x) || p(z)) - KL(fit || p(z)), with the Gaussian fit that has q(z)'s moments. Exact where q(z) is
            Gaussian, too large by KL(q(z) || fit) elsewhere; does not saturate. For many more items than dimensions.
        standard_error: of `lower` over items, as if they were independent.
        saturation: log n. Where `lower` is within about a nat of it, read it as "at least".
    """

    lower: float
    upper: float
    upper_by_moments: float
    standard_error: float
    saturation: float


def mutual_information(mu: Codes, logvar: Codes, generator: np.random.Generator) -> MutualInformation:
    """How much the code says about x, from one draw an item and all items' posteriors.

    lower = mean_i [log q(z_i|x_i) - log (1/n) sum_j q(z_i|x_j)], by log-sum-exp; upper leaves j = i out. E KL(q(z|x) || p(z)) is the
    information plus the gap KL(q(z) || p(z)), of which the Gaussian fit gives the part that its moments show (Hoffman and Johnson 2016).

    Args:
        mu: (items, latent).
        logvar: (items, latent), finite.
        generator: of the draws.

    Raises:
        ValueError: fewer than two items, shapes that differ, or values that are not finite.
    """
    means, logs = _checked(mu, logvar, 2, noisy=True)
    n = len(means)
    eps = generator.standard_normal(means.shape)
    z = means + np.exp(logs / 2) * eps
    # The constant log(2 pi) / 2 a dimension is the same in every density, and left out. An item's own distance is its noise, exactly.
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
    """Log N(z_i; mu_j, exp(logvar_j)) for all pairs, but for its constant; -inf where the square overflows."""
    with np.errstate(over="ignore"):
        # Bounded, so that no distance at all stays none, however small the noise.
        gaps = (z[:, None, :] - mu[None, :, :]) * np.exp(np.minimum(-logvar, LARGEST_LOGVAR) / 2)[None, :, :]
        return np.asarray(-(np.square(gaps) + logvar[None, :, :]).sum(2) / 2)


def neighbour_accuracy(
    means: Codes,
    labels: Int[np.ndarray, " items"],
    queries: OtherCodes | None = None,
    query_labels: Int[np.ndarray, " others"] | None = None,
    k: int = NEIGHBOURS,
) -> float:
    """How often the k nearest means vote for an item's own class; ties go to the smallest label.

    It says that labels are to be found in the code, and nothing about regularity: an autoencoder has it too, and so have means that a
    collapsed encoder shrank to nearly nothing, since only the order of distances counts.

    Args:
        means: of the items that vote, (items, latent).
        labels: their classes.
        queries: means of other items that are voted on, (others, latent); where None, every item is voted on by all others.
        query_labels: their classes, given where `queries` are.
        k: voters.

    Raises:
        ValueError: fewer voters than k for anyone, labels that do not match, different dimensions, or values that are not finite.
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
    # The search expands the square: far from the origin it would not tell near means apart.
    centre = voters.mean(0)
    index = NearestNeighbors(n_neighbors=k).fit(voters - centre)
    found = index.kneighbors(None if asked is None else asked - centre, return_distance=False)
    votes = stats.mode(np.asarray(labels)[found], axis=1).mode
    return float((votes == truth).mean())


@dataclass(frozen=True)
class NeighbourGraph:
    """The graph that joins each mean with its nearest ones.

    Attributes:
        components: its connected parts: 1 where one can walk from any mean to any other.
        mixed: the share of means that have one of another class among their neighbours.
    """

    components: int
    mixed: float


def graph_of_neighbours(means: Codes, labels: Int[np.ndarray, " items"], k: int = GRAPH_NEIGHBOURS) -> NeighbourGraph:
    """Whether classes are joined or islands. Joined classes are no mark of a VAE: an autoencoder's are joined too.

    Args:
        means: (items, latent).
        labels: their classes.
        k: neighbours of each.

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
