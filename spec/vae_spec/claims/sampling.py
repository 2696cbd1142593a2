"""REP: the sampling step draws z = mu + sigma * eps with fresh standard normal noise, and gradients flow through it."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from vae_spec.claim import Claim
from vae_spec.documents import basics
from vae_spec.exploration import explore, generator
from vae_spec.outcomes import Level, Number, Verdict, holds, violated
from vae_spec.statistics.pivots import (
    Draws,
    Pivot,
    independence_pivot,
    mean_pivot,
    shape_pivot,
    variance_pivot,
)
from vae_spec.statistics.two_stage import decide, smallest_mean_shift, smallest_scale_error
from vae_spec.strategies import CodeBatch, ConstantCode, batch_sizes, code_batches, constant_codes
from vae_spec.subject import Noise, Part, Subject
from vae_spec.trial import Trial

ULPS = 64
REPORTED_SHARE = 1e-3
"""Deviations up to this share of sigma come from floors such as std + 1e-6: reported, not rejected."""
CLAMP_BORDER = 10.0
"""A clamp of logvar at or beyond +-10 is reported, not rejected."""
REP_02_DRAWS = 4096
REP_02_EXAMPLES = 20
REP_02_SCALE_ERROR = 0.05
REP_02_MEAN_SHIFT = 0.05
"""The declared power of REP-02: errors of sigma and shifts of eps of this size are found with probability 0.99 at least."""

within_clamp = code_batches(least_logvar=-CLAMP_BORDER)


def float32_codes(codes: CodeBatch, subject: Subject, trial: Trial) -> tuple[Tensor, Tensor]:
    """Mu and logvar of an example in float32, the precision that models are written for."""
    return codes.tensors(subject.facts.latent_dim, generator(trial, codes), torch.float32)


def rounding(mu: Tensor, sigma: Tensor, eps: Tensor) -> Tensor:
    """The largest deviation that float32 rounding explains."""
    return ULPS * torch.finfo(torch.float32).eps * (mu.abs() + sigma * eps.abs() + sigma)


# REP-01 ---------------------------------------------------------------------------------------------------------------------------------


def _explain_scale(subject: Subject, trial: Trial, mu: Tensor, logvar: Tensor) -> tuple[str, str | None]:
    """What the sampling step multiplies a given noise with."""
    eps = 0.5 + torch.rand(mu.shape, generator=generator(trial, "given noise"))
    z = subject.draw(mu, logvar, Noise(given=eps))
    clear = eps.abs() > 0.1
    scale = ((z - mu) / eps)[clear]
    if float(scale.abs().max()) == 0:
        return "\nno noise moves z at all", "mean-in-training"
    return explain_scale(scale, logvar[clear], 1e-5 * float(mu.abs().max()))


def explain_scale(scale: Tensor, logvar: Tensor, rounding: float) -> tuple[str, str | None]:
    """The formula that the noise is multiplied by, in words, and the mistake that it is; nothing where it is none of those known.

    Args:
        scale: what the noise was multiplied by, of any shape.
        logvar: the log-variances that this should come from, of the same shape.
        rounding: how far rounding alone may move the scale.
    """
    for formula, value, mistake in (
        ("exp(logvar)", logvar.exp(), "std-no-half"),
        ("logvar itself", logvar, "logvar-as-std"),
        ("logvar^2", logvar.square(), "logvar-as-std"),
        ("exp(2 logvar)", (2 * logvar).exp(), "std-no-half"),
        (f"a constant {float(scale.median()):.3g}", scale.median().expand_as(logvar), "autoencoder-plus-noise"),
    ):
        if bool(((scale - value).abs() <= 1e-3 * (value.abs() + 1e-6) + rounding).all()):
            return f"\nthe noise is multiplied by {formula}, not by exp(logvar / 2)", mistake
    return "", None


def check_identity(subject: Subject, trial: Trial) -> Verdict:
    """With one and the same noise, z(mu, logvar) - mu = exp(logvar / 2) * z(0, 0)."""
    worst_share = 0.0

    def examine(codes: CodeBatch) -> Verdict | None:
        nonlocal worst_share
        mu, logvar = float32_codes(codes, subject, trial)
        noise = Noise(seed=trial.rng_seed(codes, "noise"))
        eps = subject.draw(torch.zeros_like(mu), torch.zeros_like(logvar), noise)
        z = subject.draw(mu, logvar, noise)
        sigma = torch.exp(0.5 * logvar)
        deviation = (z - mu - sigma * eps).abs()
        beyond = deviation - rounding(mu, sigma, eps)
        share = float((beyond / (sigma * (eps.abs() + 1e-3))).max())
        worst_share = max(worst_share, share)
        if share <= REPORTED_SHARE:
            return None
        at = int((beyond / sigma).argmax())
        words, mistake = _explain_scale(subject, trial, mu, logvar)
        found, wanted = float((z - mu).flatten()[at]), float((sigma * eps).flatten()[at])
        return violated(
            f"at logvar = {float(logvar.flatten()[at]):.4g} the noise moves z by {found:.6g}, and exp(logvar/2) * eps is"
            f" {wanted:.6g}{words}",
            measured={"z - mu": found, "deviation in units of sigma": share, "batch": codes.batch},
            expected={"z - mu": wanted, "tolerance in units of sigma": REPORTED_SHARE},
            diagnosis=mistake,
        )

    if counterexample := explore(trial, within_clamp, examine):
        return counterexample
    exact = worst_share <= 0
    measured: dict[str, Number] = {
        "examples": trial.examples,
        "largest deviation beyond rounding, in units of sigma": max(worst_share, 0.0),
    }
    return holds(
        "z - mu = exp(logvar/2) * eps to rounding" if exact else f"z - mu = exp(logvar/2) * eps up to {worst_share:.1g} of sigma",
        measured=measured,
        expected={"tolerance in units of sigma": REPORTED_SHARE},
        smallest_effect="a deviation of 1e-3 of sigma",
    )


REP_01 = Claim(
    id="REP-01",
    title="z = mu + exp(logvar/2) * eps",
    level=Level.REQUIRED,
    statement="with the same noise, z(mu, logvar) - mu = exp(logvar/2) * z(0, 0)",
    formula="z = mu + exp(logvar / 2) · eps",
    sources=(basics("sampling"),),
    why="sigma = exp(logvar/2) ties the sampling step to the KL. With std = exp(logvar) training still runs, and every sigma means"
    " something else"
    " to the sampler than to the KL. An identity under one seed needs no statistics: it holds to rounding or misses by far.",
    hint="std = torch.exp(0.5 * logvar); z = mu + std * torch.randn_like(std)",
    decision="identity under one noise, Hypothesis over mu to 10 and logvar from -10 to 6; 64 ulp, and up to 1e-3 of sigma reported",
    mistakes=("std-no-half", "logvar-as-std", "autoencoder-plus-noise"),
    needs=(Part.DRAW, Part.NOISE_CONTROL),
    check=check_identity,
    rank=70,
    explains=("KL-02", "REP-02", "REP-03", "REP-04", "REP-05", "NET-03"),
    spends_error_budget=False,
    at_other_sizes=False,
)

# REP-02 ---------------------------------------------------------------------------------------------------------------------------------


def standard_normal_pivots(u: Draws) -> list[Pivot]:
    """The exact pivots of draws that should be standard normal, of shape (items, dimensions)."""
    found = [mean_pivot(u), variance_pivot(u), shape_pivot(u)]
    half = len(u) // 2
    found.append(independence_pivot(u[:half].ravel(), u[half : 2 * half].ravel(), "correlation between items"))
    if u.shape[1] > 1:
        left = u.shape[1] // 2
        found.append(independence_pivot(u[:, :left].ravel(), u[:, left : 2 * left].ravel(), "correlation between dimensions"))
    return found


def check_standard_normal(subject: Subject, trial: Trial) -> Verdict:
    """(z - mu) / sigma is standard normal."""
    d = subject.facts.latent_dim
    rows = max(4, math.ceil(REP_02_DRAWS / d))

    def examine(code: ConstantCode) -> Verdict | None:
        def measure(draws: int, stage: int) -> list[Pivot]:
            mu, logvar = (torch.full((draws // d, d), value, dtype=torch.float64) for value in (code.mu, code.logvar))
            z = subject.draw(mu, logvar, Noise(seed=trial.rng_seed(code, stage)))
            return standard_normal_pivots(((z.double() - mu) / torch.exp(0.5 * logvar)).numpy(force=True))

        decision = decide(measure, draws=rows * d, level=trial.level / REP_02_EXAMPLES)
        if not decision.rejected:
            return None
        pivot = decision.pivot
        uniform = abs(_value(measure(rows * d, 3), "mean") - 0.5) < 0.05
        return violated(
            f"the {pivot.name} of (z - mu)/sigma is {pivot.value:.4g}, not {pivot.expected:g} (p = {pivot.p:.1g}, n = {decision.draws})"
            + ("\na mean near 0.5 is uniform noise: rand_like where randn_like belongs" if uniform else ""),
            measured={pivot.name: pivot.value, "p": pivot.p, "n": decision.draws, "mu": code.mu, "logvar": code.logvar},
            expected={pivot.name: pivot.expected, "level": trial.level / REP_02_EXAMPLES},
            diagnosis="eps-from-rand" if uniform else "eps-shrunk" if pivot.name == "variance" and pivot.value < 0.9 else None,
        )

    if counterexample := explore(trial, constant_codes(), examine, examples=REP_02_EXAMPLES, simplify=False):
        return counterexample
    level = trial.level / REP_02_EXAMPLES / 5
    scale = smallest_scale_error(draws=rows * d, level=level, examples=REP_02_EXAMPLES)
    shift = smallest_mean_shift(draws=rows * d, level=level, examples=REP_02_EXAMPLES)
    return holds(
        "mean, variance, shape and independence of the noise are those of N(0, 1)",
        measured={"examples": REP_02_EXAMPLES, "draws an example": rows * d},
        expected={"level": trial.level},
        smallest_effect=f"a {scale:.1%} error of sigma or a shift of {shift:.3f} sigma, with probability 0.99",
    )


def _value(pivots: list[Pivot], name: str) -> float:
    return next(pivot.value for pivot in pivots if pivot.name == name)


REP_02 = Claim(
    id="REP-02",
    title="eps is standard normal",
    level=Level.REQUIRED,
    statement="the noise of the sampling step is standard normal: its mean, variance, shape and independence",
    formula="(z − mu) / exp(logvar / 2) = eps ~ N(0, I)",
    sources=(basics("sampling"), basics("flow")),
    why="The KL is computed for a Gaussian posterior. Uniform or scaled noise trains without complaint, and the loss is then no bound"
    " on anything.",
    hint="eps = torch.randn_like(std)",
    decision="exact pivots (normal, chi-squared, Dvoretzky-Kiefer-Wolfowitz, conditional normal) in two stages over 20 examples",
    mistakes=("eps-from-rand", "eps-shrunk", "std-no-half", "logvar-as-std", "eps-shared"),
    needs=(Part.DRAW,),
    check=check_standard_normal,
    rank=90,
    explains=("KL-02", "REP-05", "NET-03", "INT-03"),
    spends_error_budget=True,
    at_other_sizes=False,
)

# REP-03 ---------------------------------------------------------------------------------------------------------------------------------


def _repeats(a: Tensor, b: Tensor) -> float:
    return float((a == b).double().mean())


def check_fresh(subject: Subject, trial: Trial) -> Verdict:
    """Noise differs between items, dimensions and calls."""
    d = subject.facts.latent_dim

    def examine(batch: int) -> Verdict | None:
        # At least 32 rows: a chance tie between two float32 normals (probability 1e-8) must stay below a tenth of the neighbours.
        zero = torch.zeros(max(batch, 32), d)
        z = subject.draw(zero, zero, Noise(seed=trial.rng_seed(batch, "first")))
        again = subject.draw(zero, zero, Noise(seed=trial.rng_seed(batch, "second")))
        repeated = {"items of a batch": _repeats(z[1:], z[:-1]), "calls": _repeats(z, again)}
        if d > 1:
            repeated["dimensions"] = _repeats(z[:, 1:], z[:, :-1])
        if not bool(z.any()):
            return violated(
                "at mu = 0 and logvar = 0 every draw is 0: no noise is drawn",
                measured={"largest |z|": 0.0},
                expected={"largest |z|": "> 0"},
                diagnosis="mean-in-training",
                hint="z = mu + std * torch.randn_like(std) in training mode",
            )
        for what, share in repeated.items():
            if share > 0.1:
                return violated(
                    f"the same noise is used for different {what} ({share:.0%} of the neighbours are equal)",
                    measured={f"equal between {what}": share, "batch": len(zero)},
                    expected={f"equal between {what}": 0.0},
                    diagnosis="eps-shared",
                )
        return None

    if counterexample := explore(trial, batch_sizes, examine, examples=12):
        return counterexample
    return holds("every item, dimension and call has noise of its own", smallest_effect="one tenth of the noise repeated")


REP_03 = Claim(
    id="REP-03",
    title="fresh noise everywhere",
    level=Level.REQUIRED,
    statement="the noise is fresh for every item, every dimension and every call: one image repeated in a batch gives different codes",
    formula="epsᵢⱼ ≠ epsₖₗ wherever (i, j) ≠ (k, l), and from call to call",
    sources=(basics("sampling"),),
    why="Noise shared over a batch is a genuine optimum of the loss, so no training curve shows it; only drawing tells.",
    hint="eps = torch.randn_like(std): the shape of std, drawn anew in each call, without a fixed seed inside",
    decision="exact: equal values between neighbours, which independent float32 normals practically never show",
    mistakes=("eps-shared",),
    needs=(Part.DRAW,),
    check=check_fresh,
    rank=80,
    explains=("KL-02", "REP-02", "REP-04", "REP-05", "NET-03", "INT-03"),
    spends_error_budget=False,
    at_other_sizes=False,
)
