"""Hypothesis strategies for the examples of claims: batch sizes, posteriors, images and beta, and their tensors."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from vae_spec.facts import Facts
from vae_spec.lazy import Tensor, st, torch

LARGEST_MU = 10.0
LEAST_LOGVAR, GREATEST_LOGVAR = -12.0, 6.0


def batch_sizes() -> st.SearchStrategy[int]:
    """Draw batch sizes from 1 up, even and odd, powers of two and their neighbours."""
    return st.sampled_from([1, 2, 3, 4, 5, 7, 8, 16, 17, 33])


def betas() -> st.SearchStrategy[float]:
    """Draw weights of the KL: the documents' values, zero, and anything up to 20."""
    return st.one_of(st.sampled_from([0.0, 0.1, 0.5, 1.0, 2.0, 4.0]), st.floats(0.0, 20.0, allow_nan=False))


class Pixels(StrEnum):
    """Kinds of images: all entries at the minimum, at the maximum, in between, at either end, a mixture of these, or in the middle half."""

    ZEROS = "zeros"
    ONES = "ones"
    BETWEEN = "between"
    BINARY = "binary"
    MIXED = "mixed"
    MIDDLE = "middle"


def pixel_kinds() -> st.SearchStrategy[Pixels]:
    """Draw kinds of images."""
    return st.sampled_from([Pixels.ZEROS, Pixels.ONES, Pixels.BETWEEN, Pixels.BINARY, Pixels.MIXED])


@dataclass(frozen=True)
class CodeBatch:
    """The structure of a batch of posteriors: its size, the largest |mu|, and the bounds of logvar."""

    batch: int
    mu_scale: float
    logvar_low: float
    logvar_high: float

    def tensors(self, latent_dim: int, rng: torch.Generator, dtype: torch.dtype | None = None) -> tuple[Tensor, Tensor]:
        """Draw mu and logvar of shape (batch, latent_dim), uniform within the bounds; float64 by default."""
        shape = (self.batch, latent_dim)
        mu = (2 * torch.rand(shape, generator=rng, dtype=torch.float64) - 1) * self.mu_scale
        span = self.logvar_high - self.logvar_low
        logvar = self.logvar_low + span * torch.rand(shape, generator=rng, dtype=torch.float64)
        return mu.to(dtype or torch.float64), logvar.to(dtype or torch.float64)


def code_batches(*, least_logvar: float = LEAST_LOGVAR) -> st.SearchStrategy[CodeBatch]:
    """Draw batches of posteriors within the documents' magnitudes and far beyond."""
    return st.composite(_code_batch)(least_logvar)


def _code_batch(draw: st.DrawFn, least_logvar: float) -> CodeBatch:
    low = draw(st.floats(least_logvar, GREATEST_LOGVAR, allow_nan=False))
    high = draw(st.floats(low, GREATEST_LOGVAR, allow_nan=False))
    return CodeBatch(draw(batch_sizes()), draw(st.floats(0.0, LARGEST_MU, allow_nan=False)), low, high)


@dataclass(frozen=True)
class ConstantCode:
    """A posterior that is the same in every dimension and item, which gives Monte Carlo sums an exact distribution."""

    mu: float
    logvar: float

    def tensors(self, items: int, latent_dim: int) -> tuple[Tensor, Tensor]:
        """Mu and logvar of shape (items, latent_dim), float64."""
        shape = (items, latent_dim)
        return torch.full(shape, self.mu, dtype=torch.float64), torch.full(shape, self.logvar, dtype=torch.float64)


def constant_codes() -> st.SearchStrategy[ConstantCode]:
    """Draw constant posteriors; a logvar near 0 is set to 0, where the distribution of log q - log p changes its form."""
    return st.composite(_constant_code)()


def _constant_code(draw: st.DrawFn) -> ConstantCode:
    logvar = draw(st.floats(-6.0, 4.0, allow_nan=False))
    return ConstantCode(draw(st.floats(-4.0, 4.0, allow_nan=False)), 0.0 if abs(logvar) < 0.05 else logvar)


def outputs(kind: Pixels, batch: int, facts: Facts, rng: torch.Generator, dtype: torch.dtype | None = None) -> Tensor:
    """Draw a batch of means of the kind, of shape (batch, *facts.input_shape), with entries in `facts.input_range`, float32 by default."""
    uniform = torch.rand((batch, *facts.input_shape), generator=rng, dtype=torch.float64)
    if kind is Pixels.ZEROS:
        unit = torch.zeros_like(uniform)
    elif kind is Pixels.ONES:
        unit = torch.ones_like(uniform)
    elif kind is Pixels.BINARY:
        unit = (uniform > 0.5).double()
    elif kind is Pixels.MIXED:
        unit = (2 * uniform - 0.5).clamp(0, 1)
    elif kind is Pixels.MIDDLE:
        unit = 0.25 + 0.5 * uniform
    else:
        unit = 0.02 + 0.96 * uniform
    low, high = facts.input_range
    drawn = (low + (high - low) * unit).to(dtype or torch.float32)
    return (drawn + 1e-3).div((drawn + 1e-3).sum(-1, keepdim=True)) if facts.tokens else drawn


def images(kind: Pixels, batch: int, facts: Facts, rng: torch.Generator, dtype: torch.dtype | None = None) -> Tensor:
    """Draw a batch of items of the kind, of shape (batch, *facts.input_shape), with entries in `facts.input_range`: integers for counts.

    They are float32 by default. A token is a one-hot row: the first value or the last where all pixels are at an end, and any value
    elsewhere.
    """
    drawn = outputs(kind, batch, facts, rng, dtype)
    if facts.tokens:
        ends = {Pixels.ZEROS: 0, Pixels.ONES: drawn.shape[-1] - 1}
        values = torch.full(drawn.shape[:-1], ends[kind]) if kind in ends else drawn.argmax(-1)
        return torch.nn.functional.one_hot(values, drawn.shape[-1]).to(drawn.dtype)
    return drawn.round() if facts.counts else drawn
