"""Statistics of latents: the aggregate posterior against N(0, I), information about x, labels.

Latents are given as the encoder's two outputs, mu and logvar of shape (items, latent). The aggregate posterior is their mixture,
q(z) = mean over items of N(mu, diag(exp(logvar))). An autoencoder's latents have no noise: pass logvar = -inf.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import scipy

from vae_spec.statistics.samples import NEIGHBOURS, as_points

if TYPE_CHECKING:
    from jaxtyping import Float, Int

SCALES = (0.25, 1.0, 4.0)
"""Squared widths of the kernels, in units of the number of dimensions: the narrow one detects clumps, the wide one the overall spread."""
GRAPH_NEIGHBOURS = 10
"""Number of neighbours joined to each mean in the graph."""
LARGEST_LOGVAR = 700.0
"""Just below where exp(logvar) overflows in double precision."""
CHUNK = 2**16
"""Values per block of a table over pairs of items: half a megabyte, which fits the processor's cache."""

Codes: TypeAlias = 'Float[np.ndarray, "items latent"]'
OtherCodes: TypeAlias = 'Float[np.ndarray, "others latent"]'


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


def mean_variance(mu: Codes, logvar: Codes) -> float:
    """Compute the variance of q(z), averaged over dimensions and without sampling: var(mu) + E sigma^2. It is 1 under the prior.

    Raises:
        ValueError: fewer than two items, shapes that differ, or values that are not finite (except logvar = -inf).
    """
    means, logs = _checked(mu, logvar, 2)
    return float((np.diag(np.atleast_2d(np.cov(means, rowvar=False))) + np.exp(logs).mean(0)).mean())


def mmd2_to_prior(mu: Codes, logvar: Codes) -> float:
    """Compute the squared maximum mean discrepancy of the aggregate posterior to N(0, I) (Gretton et al. 2012), without sampling.

    The kernel is the mean over s in `SCALES` of exp(-|x - y|^2 / (2 d s)), d the number of dimensions. Its widths are fixed in advance: a
    median of the data's own distances would adapt to the very spread to be detected. At most 2; 0 on average for equal distributions.

    All three expectations are Gaussian integrals: for latents with noise s_i and s_j and a squared width h, with v = h + s_i^2 + s_j^2,
    E k = prod_d sqrt(h / v) exp(-(mu_i - mu_j)^2 / (2 v)); the prior is a latent of mean 0 and noise 1. Pairs of an item with itself are
    excluded, so the estimate is unbiased over items, whose choice is the only randomness left.

    Raises:
        ValueError: fewer than two items, shapes that differ, or values that are not finite (except logvar = -inf).
    """
    means, logs = _checked(mu, logvar, 2)
    n, d = means.shape
    variances = np.exp(logs)
    origin, unit = np.zeros((1, d)), np.ones((1, d))
    found = []
    for h in (scale * d for scale in SCALES):
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


def mutual_information(mu: Codes, logvar: Codes, generator: np.random.Generator) -> float:
    """Estimate the information of z about x from one draw per item and all items' posteriors: a lower bound on average, in nats.

    mean_i [log q(z_i|x_i) - log (1/n) sum_j q(z_i|x_j)], by log-sum-exp (Poole et al. 2019, section 2). It is never above log n, even if
    the information is: within about a nat of log n, read it as "at least".

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
    mixture = np.empty(n)
    rows = max(1, CHUNK // means.size)
    for start in range(0, n, rows):
        part = np.arange(start, min(start + rows, n))
        table = _log_density(z[part], means, logs)
        table[np.arange(len(part)), part] = own[part]
        mixture[part] = scipy.special.logsumexp(table, axis=1) - math.log(n)
    return float((own - mixture).mean())


def _log_density(z: OtherCodes, mu: Codes, logvar: Codes) -> Float[np.ndarray, "others items"]:
    """Compute log N(z_i; mu_j, exp(logvar_j)) for all pairs, without its constant; -inf if the square overflows."""
    with np.errstate(over="ignore"):
        # Bounded, so that a distance of 0 stays 0 for any noise.
        gaps = (z[:, None, :] - mu[None, :, :]) * np.exp(np.minimum(-logvar, LARGEST_LOGVAR) / 2)[None, :, :]
        return np.asarray(-(np.square(gaps) + logvar[None, :, :]).sum(2) / 2)


def neighbour_accuracy(
    means: Codes, labels: Int[np.ndarray, " items"], queries: OtherCodes, query_labels: Int[np.ndarray, " others"]
) -> float:
    """Compute the accuracy of classifying `queries` by the `NEIGHBOURS` nearest of other items' means; ties go to the smallest label.

    Only the order of distances counts, not regularity: an autoencoder, or a collapsed encoder's tiny means, may score as high. The means
    have the shape (items, latent), the queries (others, latent).

    Raises:
        ValueError: too few voters, labels that do not match, different dimensions, or values that are not finite.
    """
    from sklearn.neighbors import KNeighborsClassifier  # noqa: PLC0415  takes a while to import, and exact runs do not need it

    voters, asked = as_points(means, "the means", least=NEIGHBOURS), as_points(queries, "the means to vote on")
    if asked.shape[1] != voters.shape[1]:
        raise ValueError(f"both sets need the same number of dimensions; they have {voters.shape[1]} and {asked.shape[1]}")
    if len(labels) != len(voters) or len(query_labels) != len(asked):
        raise ValueError("one label an item is needed")
    # The search expands the square: far from the origin, rounding would make close means indistinguishable.
    centre = voters.mean(0)
    return float(KNeighborsClassifier(NEIGHBOURS).fit(voters - centre, labels).score(asked - centre, query_labels))


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

    The means have the shape (items, latent), and `k` is the number of neighbours of each.

    Raises:
        ValueError: fewer than k + 1 items, labels that do not match, or values that are not finite.
    """
    from sklearn.neighbors import kneighbors_graph  # noqa: PLC0415  scikit-learn takes a while to import, and exact runs do not need it

    points = as_points(means, "the means", least=k + 1)
    if len(labels) != len(points):
        raise ValueError("one label an item is needed")
    graph = kneighbors_graph(points - points.mean(0), k)
    neighbours = graph.indices.reshape(len(points), k)
    components, _ = scipy.sparse.csgraph.connected_components(graph, directed=False)
    classes = np.asarray(labels)
    return NeighbourGraph(int(components), float((classes[neighbours] != classes[:, None]).any(1).mean()))
