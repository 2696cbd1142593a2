"""Identifying the reductions of the two terms from the effective beta."""

from __future__ import annotations

from collections.abc import Sequence

from vae_spec.checks import NEAR, Cause
from vae_spec.subject import Facts, Part

NOTHING = 1e-9
"""An effective beta below this is 0 up to float64 rounding; the smallest in use, 0.00025, is far above."""
_SUMS = "sum both terms over their own dimensions and average both over the batch"


def explain_weight(facts: Facts, weights: Sequence[float], batches: Sequence[int], tolerance: float) -> Cause:
    """Return the most likely cause of the effective betas found.

    The weights were found at the two batch sizes, on which they depend if they differ by more than `tolerance`, relative.
    """
    first, second = weights
    if first * second != 0 and abs(first - second) > tolerance * max(abs(first), abs(second)):
        how = _with_batch(second / first, batches[1] / batches[0])
        hint = "divide both terms by x.size(0), or neither; no fixed number stands for the batch size"
        return Cause("terms-scale-with-batch", f"the effective beta changes with the batch size{how}", hint)
    declare = f"if the weight is meant, declare it: --effective-beta {first:.6g}"
    if facts.own_beta != 1 and any(abs(first / facts.own_beta / plain - 1) < NEAR for plain in (1.0, 0.5)):
        words = f"the loss's own {facts.parts[Part.BETA].account}: the KL weighs that where the caller names no weight"
        return Cause(None, words, f"{declare}; otherwise let that weight be 1 by default")
    for value, mistake, words in _reductions(facts.terms, facts.latent_dim):
        if abs(first / value - 1) < NEAR:
            return Cause(mistake, words, f"{_SUMS}; {declare}" if mistake.endswith("-sum") else declare)
    if abs(first) < NOTHING:
        return Cause("autoencoder-plus-noise", "the KL does not enter the loss", "total = reconstruction + beta * kl")
    if first < 0:
        return Cause("kl-sign", "the KL enters the loss with the wrong sign", "total = reconstruction + beta * kl")
    return Cause(None, "no common reduction explains this number", f"{_SUMS}; {declare}")


def _with_batch(change: float, growth: float) -> str:
    """Describe how the weight depends on the batch size."""
    if abs(change / growth - 1) < NEAR:
        return ": it grows with the batch"
    return ": it falls as 1/batch" if abs(change * growth - 1) < NEAR else ""


def _reductions(entries: int, dims: int) -> tuple[tuple[float, str, str], ...]:
    """Return (effective beta, mistake, words) of each common pair of inconsistent reductions."""
    averaged = f"averaged over the {entries} entries of an item"
    return (
        (entries, "recon-mean-kl-sum", f"the reconstruction is {averaged} while the KL is summed: a hidden beta of {entries}"),
        (
            entries / 2,
            "recon-mean-kl-sum",
            f"the squared error, without its 1/2, is {averaged} while the KL is summed: a hidden beta of {entries / 2:g}",
        ),
        (
            entries / dims,
            "recon-mean-kl-sum",
            f"both terms are averaged, over {entries} entries and {dims} dimensions: a hidden beta of {entries}/{dims}",
        ),
        (
            entries / dims / 2,
            "recon-mean-kl-sum",
            f"both terms are averaged, the squared error without its 1/2: a hidden beta of {entries}/{2 * dims}",
        ),
        (
            1 / dims,
            "kl-mean-recon-sum",
            f"the KL is averaged over the {dims} latent dimensions while the reconstruction is summed: a hidden beta of 1/{dims}",
        ),
        (
            1 / (2 * dims),
            "kl-mean-recon-sum",
            f"the KL is averaged over {dims} dimensions and the squared error lacks its 1/2: a hidden beta of 1/{2 * dims}",
        ),
        (
            1 / entries,
            "kl-mean-recon-sum",
            f"the KL is divided by the {entries} entries of an item while the reconstruction is summed: a hidden beta of 1/{entries}",
        ),
        (0.5, "kl-halved", "the factor is 0.50: most likely the KL has its factor 1/2 twice"),
        (2.0, "missing-half", "the factor is 2.00: most likely the KL lacks its factor 1/2"),
    )
