"""Latents: moments and discrepancies against their closed forms, information through a channel of known capacity."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import distance
from scipy.spatial.distance import cdist

from vae_spec.context import derive_seed
from vae_spec.statistics.latents import (
    SCALES,
    Codes,
    mean_variance,
    mmd2_to_prior,
    mutual_information,
    neighbour_accuracy,
)

quick = settings(max_examples=40, deadline=None, database=None, derandomize=True)
sizes = st.tuples(st.integers(2, 30), st.integers(1, 5))


def generator(*labels: object) -> np.random.Generator:
    return np.random.default_rng(derive_seed("latents", *labels))


def normals(items: int, latent: int, *labels: object) -> Codes:
    return generator(items, latent, *labels).standard_normal((items, latent))


def channel(items: int, latent: int, signal: float, *labels: object) -> tuple[Codes, Codes]:
    """Codes of a linear Gaussian channel whose aggregate posterior is N(0, I): a share of the variance is signal, the rest noise."""
    return math.sqrt(signal) * normals(items, latent, "channel", *labels), np.full((items, latent), math.log(1 - signal))


def without_noise(mu: Codes) -> Codes:
    """The logvar of latents without noise, as an autoencoder's."""
    return np.full(mu.shape, -np.inf)


def draw(mu: Codes, logvar: Codes, rng: np.random.Generator) -> Codes:
    """One z for each item: together a sample of the aggregate posterior."""
    return mu + np.exp(logvar / 2) * rng.standard_normal(mu.shape)


def mmd2(first: Codes, second: Codes) -> float:
    """The unbiased squared maximum mean discrepancy of two samples (Gretton et al. 2012, lemma 6), by the kernel of `mmd2_to_prior`."""

    def kernel(a: Codes, b: Codes) -> np.ndarray:
        squares = distance.cdist(a, b, "sqeuclidean")
        return np.mean([np.exp(-squares / (2 * scale * a.shape[1])) for scale in SCALES], axis=0)

    n, m = len(first), len(second)
    within = (kernel(first, first).sum() - n) / (n * (n - 1)) + (kernel(second, second).sum() - m) / (m * (m - 1))
    return float(within - 2 * kernel(first, second).mean())


def test_the_variance_is_that_of_the_mixture() -> None:
    mu, logvar = np.asarray([[0.0, 1.0], [2.0, 1.0]]), np.log([[1.0, 0.5], [3.0, 0.5]])
    assert mean_variance(mu, logvar) == pytest.approx(2.25)
    assert mean_variance(mu[:, ::-1], logvar[:, ::-1]) == pytest.approx(2.25)
    assert mean_variance(np.zeros((5, 4)), np.zeros((5, 4))) == 1.0


def test_the_variance_is_that_of_draws() -> None:
    mu, logvar = normals(400, 3, "mu") @ np.asarray([[1.0, 0.5, 0.0], [0.0, 0.4, 0.0], [0.0, 0.0, 1e-3]]) + 0.3, 0.7 * normals(400, 3, "s")
    z = np.concatenate([draw(mu, logvar, generator("draw", i)) for i in range(300)])
    assert z.var(0, ddof=1).mean() == pytest.approx(mean_variance(mu, logvar), abs=0.03)


def closed_form(variance: float, shift: float, latent: int) -> float:
    """MMD^2 of N(shift, variance I) to N(0, I), averaged over the kernels' scales."""

    def expected(spread: float, gap: float, h: float) -> float:
        return (h / (h + spread)) ** (latent / 2) * math.exp(-latent * gap**2 / (2 * (h + spread)))

    widths = [scale * latent for scale in SCALES]
    each = [expected(2 * variance, 0, h) - 2 * expected(1 + variance, shift, h) + expected(2, 0, h) for h in widths]
    return float(np.mean(each))


LAWS = [(1.0, 0.0, 2), (0.25, 0.0, 2), (4.0, 0.5, 1), (1.0, 1.0, 16), (9.0, 0.0, 8)]


@pytest.mark.parametrize(("variance", "shift", "latent"), LAWS)
def test_one_gaussian_against_the_prior_is_exact(variance: float, shift: float, latent: int) -> None:
    mu, logvar = np.full((7, latent), shift), np.full((7, latent), math.log(variance))
    assert mmd2_to_prior(mu, logvar) == pytest.approx(closed_form(variance, shift, latent), abs=1e-12)


@pytest.mark.parametrize(("variance", "shift", "latent"), LAWS)
def test_both_discrepancies_are_unbiased_over_items(variance: float, shift: float, latent: int) -> None:
    # Means with half of the variance and noise with the other half have that Gaussian as their aggregate posterior.
    truth = closed_form(variance, shift, latent)
    half = math.sqrt(variance / 2)
    integrated, drawn = [], []
    for i in range(150):
        mu = shift + half * normals(40, latent, "items", variance, i)
        logvar = np.full_like(mu, 2 * math.log(half))
        integrated.append(mmd2_to_prior(mu, logvar))
        drawn.append(mmd2(draw(mu, logvar, generator("noise", i)), normals(60, latent, "prior", i)))
    for found in (integrated, drawn):
        assert np.mean(found) == pytest.approx(truth, abs=4.5 * float(np.std(found)) / math.sqrt(len(found)))
    assert np.std(integrated) < np.std(drawn)


def test_the_integrated_discrepancy_is_the_mean_over_draws() -> None:
    mu, logvar = 1.5 * normals(25, 3, "mu"), 0.8 * normals(25, 3, "logvar") - 1
    found = [mmd2(draw(mu, logvar, generator("z", i)), normals(25, 3, "prior", i)) for i in range(1500)]
    assert mmd2_to_prior(mu, logvar) == pytest.approx(np.mean(found), abs=4.5 * float(np.std(found)) / math.sqrt(len(found)))


def test_codes_without_noise_are_points() -> None:
    mu = normals(30, 2, "points")
    z = draw(mu, without_noise(mu), generator())
    assert (z == mu).all()
    found = [mmd2(mu, normals(400, 2, "prior", i)) for i in range(60)]
    assert mmd2_to_prior(mu, without_noise(mu)) == pytest.approx(np.mean(found), abs=4.5 * float(np.std(found)) / math.sqrt(60))


def test_a_table_in_parts_is_the_same_table(monkeypatch: pytest.MonkeyPatch) -> None:
    mu, logvar = channel(50, 3, 0.4)
    whole = mmd2_to_prior(mu, logvar), mutual_information(mu, logvar, generator("parts"))
    monkeypatch.setattr("vae_spec.statistics.latents.CHUNK", 7 * mu.size)
    assert mmd2_to_prior(mu, logvar) == pytest.approx(whole[0], abs=1e-14)
    assert mutual_information(mu, logvar, generator("parts")) == pytest.approx(whole[1], abs=1e-12)


@quick
@given(size=sizes, seed=st.integers(0, 99), spread=st.floats(0.1, 50))
def test_discrepancies_do_not_mind_order_and_are_bounded(size: tuple[int, int], seed: int, spread: float) -> None:
    mu, logvar = spread * normals(*size, "mu", seed), normals(*size, "logvar", seed)
    order = generator("order", seed).permutation(size[0])
    found = mmd2_to_prior(mu, logvar)
    assert mmd2_to_prior(mu[order], logvar[order]) == pytest.approx(found, abs=1e-12)
    assert -2 <= found <= 2
    other = normals(9, size[1], "other", seed)
    assert mmd2(mu[order], other[::-1]) == pytest.approx(mmd2(mu, other), abs=1e-12)
    assert mmd2(mu, other) == pytest.approx(mmd2(other, mu), abs=1e-12)


def test_a_posterior_that_spreads_or_clumps_is_farther_than_one_at_the_prior() -> None:
    mu, logvar = channel(300, 8, 0.6)
    near = mmd2_to_prior(mu, logvar)
    assert near < 0.01
    assert mmd2_to_prior(4 * mu, logvar) > 0.05
    assert mmd2_to_prior(np.sign(mu[:, :1]) * np.ones(8), logvar - 3) > 0.1


@pytest.mark.parametrize(("signal", "latent", "items"), [(0.1, 1, 3000), (0.5, 2, 2000), (0.9, 1, 1000), (0.5, 6, 1000), (0.0, 3, 200)])
def test_the_information_through_a_channel_is_bounded_from_below(signal: float, latent: int, items: int) -> None:
    capacity = -latent * math.log(1 - signal) / 2
    found = [mutual_information(*channel(items, latent, signal, i), generator("information", i)) for i in range(4)]
    # The variance over items of log q(z|x) - log q(z) is the share of signal in each dimension.
    slack = 4.5 * math.sqrt(latent * signal / (items * len(found))) + 1e-12
    assert np.mean(found) <= capacity + slack
    if capacity < math.log(items) / 3:
        assert capacity - np.mean(found) < 0.06 + slack


def test_the_information_of_a_code_in_two_clumps_is_one_bit() -> None:
    mu = 4.0 * np.sign(normals(800, 1, "clumps"))
    assert mutual_information(mu, np.zeros_like(mu), generator("clumps")) == pytest.approx(math.log(2), abs=0.02)


def test_information_saturates_at_the_logarithm_of_the_number_of_items() -> None:
    mu = 100.0 * np.arange(64)[:, None]
    found = mutual_information(mu, np.zeros_like(mu), generator())
    assert found == pytest.approx(math.log(64))
    assert found <= math.log(64)


@pytest.mark.parametrize("logvar", [-600.0, -40.0, 0.0, 40.0, 600.0])
def test_information_is_finite_for_the_widest_and_the_narrowest_codes(logvar: float) -> None:
    found = mutual_information(normals(20, 3), np.full((20, 3), logvar), generator())
    assert 0.0 <= found + 1e-9 <= math.log(20) + 2e-9
    # Codes so narrow never overlap: all that 20 items can tell is which of them it was.
    assert logvar > -40 or found == pytest.approx(math.log(20))


def test_equal_codes_carry_nothing() -> None:
    assert mutual_information(np.full((40, 5), 3.0), np.full((40, 5), -2.0), generator()) == pytest.approx(0.0, abs=1e-12)


def clusters(items: int, *labels: object) -> tuple[Codes, np.ndarray]:
    classes = generator("classes", *labels).integers(0, 4, items)
    return 1.5 * np.eye(4)[classes] + 0.7 * normals(items, 4, "clusters", *labels), classes


def test_the_nearest_five_vote() -> None:
    (means, labels), (others, truth) = clusters(120, "a"), clusters(80, "b")
    nearest = np.argsort(cdist(others, means), axis=1)[:, :5]
    votes = np.stack([(labels[nearest] == kind).sum(1) for kind in range(4)], axis=1)
    assert neighbour_accuracy(means, labels, others, truth) == pytest.approx((votes.argmax(1) == truth).mean())


def test_neighbours_see_labels_that_are_there_and_none_that_are_not() -> None:
    (means, labels), (others, truth) = clusters(400, "seen"), clusters(200, "asked")
    apart = [3 * np.eye(4)[kinds] + 0.01 * codes for codes, kinds in ((means, labels), (others, truth))]
    assert neighbour_accuracy(apart[0], labels, apart[1], truth) == 1.0
    assert neighbour_accuracy(means, labels, others, truth) > 0.7
    shuffled = generator("shuffled").permutation(labels)
    assert neighbour_accuracy(means, shuffled, others, truth) == pytest.approx(0.25, abs=0.1)


@pytest.mark.parametrize("latent", [1, 2, 20])
def test_only_the_order_of_distances_counts_wherever_the_means_lie(latent: int) -> None:
    means, others = normals(150, latent, "scale"), normals(100, latent, "scale of others")
    labels, truth = ((codes[:, 0] > 0).astype(int) for codes in (means, others))
    moved = neighbour_accuracy(1e-6 * means + 50, labels, 1e-6 * others + 50, truth)
    assert moved == pytest.approx(neighbour_accuracy(means, labels, others, truth))


MU, LOGVAR = normals(8, 2, "good"), normals(8, 2, "good too")
LABELS = np.zeros(8, int)
FAULTS = {
    "one item": (lambda: mean_variance(MU[:1], LOGVAR[:1]), "at least 2 items"),
    "shapes": (lambda: mean_variance(MU, LOGVAR[:, :1]), "one shape"),
    "too large": (lambda: mmd2_to_prior(MU, LOGVAR + 800), "exponential"),
    "nan": (lambda: mean_variance(MU, LOGVAR * np.nan), "not numbers"),
    "infinite means": (lambda: mean_variance(MU * np.inf, LOGVAR), "the means hold 16 values"),
    "no noise, information": (lambda: mutual_information(MU, without_noise(MU), generator()), "infinitely much information"),
    "one item, information": (lambda: mutual_information(MU[:1], LOGVAR[:1], generator()), "at least 2 items"),
    "voters": (lambda: neighbour_accuracy(MU[:4], LABELS[:4], MU, LABELS), "at least 5 items are needed, and there are 4"),
    "labels": (lambda: neighbour_accuracy(MU, LABELS[:7], MU, LABELS), "one label an item"),
    "labels of others": (lambda: neighbour_accuracy(MU, LABELS, MU, LABELS[:7]), "one label an item"),
    "others' dimensions": (lambda: neighbour_accuracy(MU, LABELS, MU[:, :1], LABELS), "same number of dimensions"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_what_cannot_be_measured_is_said_plainly(name: str) -> None:
    call, message = FAULTS[name]
    with pytest.raises(ValueError, match=message):
        call()
