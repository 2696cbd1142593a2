"""Identifying a wrong KL formula by comparison with common mistakes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from types import MappingProxyType

from vae_spec.lazy import Tensor, torch

Formula = Callable[[Tensor, Tensor], Tensor]

LEFT_OVER = 1e-4
"""Largest residual of a matching formula, relative to the largest change of the KL; float32 leaves 1e-6."""
POSTERIORS = 6
"""Number of posteriors at which formulas are compared: twice the unknowns of a Gaussian prior, so that no other KL fits by chance."""
SEED = 71
"""Seed of these posteriors, the same for all runs: the identified mistake must not depend on a run's seed."""
STANDARD = 1e-3
"""Tolerance on mean 0 and variance 1 within which a fitted prior is standard normal: the precision of the fit."""


@dataclass(frozen=True)
class WrongForm:
    """A wrong formula for the KL of one dimension, described in words, with the id of its mistake."""

    words: str
    mistake: str
    formula: Formula


TERMS: Mapping[str, Formula] = MappingProxyType(
    {"mu^2": lambda m, _v: m * m, "logvar": lambda _m, v: -v, "exp(logvar)": lambda _m, v: torch.exp(v)}
)
"""The terms of twice the divergence that depend on mu and logvar."""


def _without(missing: tuple[str, ...]) -> WrongForm:
    present = [term for name, term in TERMS.items() if name not in missing]

    def formula(m: Tensor, v: Tensor) -> Tensor:
        return 0.5 * (sum((term(m, v) for term in present), torch.zeros_like(m)) - 1)

    return WrongForm(f"the closed form without {' and '.join(missing)}", "kl-missing-term", formula)


WRONG_FORMS = (
    WrongForm(
        "KL(p || q), the divergence of the prior from the posterior",
        "kl-reversed",
        lambda m, v: 0.5 * (v + (1 + m * m) * torch.exp(-v) - 1),
    ),
    *(_without(missing) for count in (1, 2) for missing in combinations(TERMS, count)),
    WrongForm("the closed form with mu instead of mu^2", "kl-missing-term", lambda m, v: 0.5 * (m + torch.exp(v) - 1 - v)),
    WrongForm(
        "the closed form of a log-standard deviation, fed a log-variance",
        "logvar-as-std",
        lambda m, v: 0.5 * (m * m + torch.exp(2 * v) - 1 - 2 * v),
    ),
    WrongForm("the closed form with exp(logvar)^2", "logvar-as-std", lambda m, v: 0.5 * (m * m + torch.exp(2 * v) - 1 - v)),
    WrongForm("the closed form with logvar^2 in place of exp(logvar)", "logvar-as-std", lambda m, v: 0.5 * (m * m + v * v - 1 - v)),
    WrongForm("the closed form of a half log-variance", "logvar-as-std", lambda m, v: 0.5 * (m * m + torch.exp(0.5 * v) - 1 - 0.5 * v)),
    WrongForm(
        "the closed form with mu and logvar in each other's place", "swapped-heads", lambda m, v: 0.5 * (v * v + torch.exp(m) - 1 - m)
    ),
    WrongForm("half of mu^2 + logvar^2", "logvar-as-std", lambda m, v: 0.5 * (m * m + v * v)),
)


def recognise(kl: Callable[[Tensor, Tensor], float], latent_dim: int) -> WrongForm | None:
    """Find the wrong form that a KL term follows, up to scale and constant; None if no known one fits."""
    rng = torch.Generator().manual_seed(SEED)
    shape = (2, latent_dim)
    # mu varies more than logvar so that the four terms have about equal weight.
    pairs = [
        (1.5 * torch.randn(shape, generator=rng, dtype=torch.float64), torch.randn(shape, generator=rng, dtype=torch.float64))
        for _ in range(POSTERIORS)
    ]
    zero = torch.zeros(shape, dtype=torch.float64)
    base = kl(zero, zero)
    found = [kl(mu, logvar) - base for mu, logvar in pairs]
    if not all(math.isfinite(value) for value in found):
        return None
    for form in WRONG_FORMS:
        origin = float(form.formula(zero, zero).sum(1).mean())
        wanted = [float(form.formula(mu, logvar).sum(1).mean()) - origin for mu, logvar in pairs]
        scale = sum(a * b for a, b in zip(found, wanted, strict=True)) / sum(b * b for b in wanted)
        if scale != 0 and all(abs(a - scale * b) < LEFT_OVER * max(map(abs, found)) for a, b in zip(found, wanted, strict=True)):
            return form
    return _other_prior(pairs, found, latent_dim)


def _other_prior(pairs: Sequence[tuple[Tensor, Tensor]], found: Sequence[float], latent_dim: int) -> WrongForm | None:
    """Fit the divergence from a Gaussian N(m, v) other than N(0, 1), the same in every dimension; None if it does not fit.

    Up to a scale s and a constant it is s / 2 * ((exp(logvar) + (mu - m)^2) / v - logvar).
    """
    terms = [(torch.exp(logvar) + mu.square(), mu, logvar) for mu, logvar in pairs]
    at_zero = torch.tensor([latent_dim, 0, 0], dtype=torch.float64)
    basis = torch.stack([torch.stack([term.sum(1).mean() for term in row]) for row in terms]) - at_zero
    values = torch.tensor(found, dtype=torch.float64)
    fitted = torch.linalg.lstsq(basis, values[:, None]).solution[:, 0]
    if float((basis @ fitted - values).abs().max()) > LEFT_OVER * float(values.abs().max()):
        return None
    square, linear, log = fitted.tolist()
    if not square > 0 > log:
        return None
    mean, variance = -linear / (2 * square), -log / square
    if abs(mean) < STANDARD and abs(variance - 1) < STANDARD:
        return None

    def formula(m: Tensor, v: Tensor) -> Tensor:
        divergence: Tensor = 0.5 * ((torch.exp(v) + (m - mean).square()) / variance - 1 - v + math.log(variance))
        return divergence

    return WrongForm(
        f"the divergence from N({round(mean, 3) + 0.0:g}, {variance:.3g}), the same in all {latent_dim} dimensions",
        "kl-wrong-prior",
        formula,
    )
