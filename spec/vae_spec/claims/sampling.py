"""REP-01 to REP-03: the sampling step draws z = mu + sigma * eps with fresh standard normal noise."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from vae_spec.checks import UNIT_FLOOR, Cause, close, entry, first_violation, likely, positive, violation
from vae_spec.claim import Claim
from vae_spec.claims.noise import REPORTED_SHARE, explain_noise, smallest_noise_error, standard_normal_pivots
from vae_spec.context import ClaimContext
from vae_spec.documents import basics
from vae_spec.exploration import explore, for_all, generator
from vae_spec.lazy import Tensor, st, torch
from vae_spec.outcomes import Level, Verdict, holds
from vae_spec.statistics.pivots import (
    Pivot,
)
from vae_spec.statistics.two_stage import decide
from vae_spec.strategies import CodeBatch, ConstantCode, batch_sizes, code_batches, constant_codes
from vae_spec.subject import Mode, Noise, Part, Subject

SAMPLED = "z = mu + std * torch.randn_like(std) in training mode"
"""How to draw, for those who do not."""
ULPS = 64
"""Rounding of an exp, a product and a sum, in float32 units in the last place, with a wide margin."""
ROUNDING_OF_MU = 1e-5
"""Error of z - mu from rounding z = mu + ..., relative to mu."""
LEAST_NOISE = 1e-3
"""Added to |eps| before dividing by it: noise near 0 does not move z, whatever sigma is."""
UNUSED_STAGE = 3
"""A stage that `decide` does not use, so its draws are fresh."""
CLAMP_BORDER = 10.0
"""A clamp of logvar at or beyond +-10 is reported, not rejected."""
REP_02_DRAWS = 4096
REP_02_EXAMPLES = 20
"""Draws in an example's screen, and number of examples: what the declared power requires."""
EVAL_CODE = ConstantCode(0.0, 0.0)
"""The posterior at which the noise of eval mode is tested, where z is drawn there at all: how it scales is an identity of REP-01."""
REP_02_SCALE_ERROR = 0.05
REP_02_MEAN_SHIFT = 0.05
"""Declared power of REP-02: errors of sigma and shifts of eps of this size are detected with probability >= 0.99."""
REP_03_ITEMS = 32
"""Least number of rows: chance ties between float32 normals (probability 1e-8) must stay below a tenth of the neighbours."""
REP_03_SHARE = 0.1
"""Share of equal neighbours from which noise counts as shared: noise repeated by design repeats in every row or column."""
REP_03_EXAMPLES = 12
"""A little more than the number of batch sizes."""


def within_clamp() -> st.SearchStrategy[CodeBatch]:
    """Draw batches of posteriors that a clamp of logvar leaves as they are."""
    return code_batches(least_logvar=-CLAMP_BORDER)


def in_either_mode() -> st.SearchStrategy[tuple[CodeBatch, Mode]]:
    """Draw (posteriors, mode): a model is validated in eval mode with what its sampling step does there."""
    return st.tuples(within_clamp(), st.sampled_from(list(Mode)))


def float32_codes(codes: CodeBatch, subject: Subject, context: ClaimContext) -> tuple[Tensor, Tensor]:
    """Return mu and logvar of an example in float32, the precision that models are written for."""
    return codes.tensors(subject.facts.latent_dim, generator(context, codes), torch.float32)


def rounding(mu: Tensor, sigma: Tensor, eps: Tensor) -> Tensor:
    """Return the largest deviation that float32 rounding explains."""
    return ULPS * torch.finfo(torch.float32).eps * (mu.abs() + sigma * eps.abs() + sigma)


# REP-01 ---------------------------------------------------------------------------------------------------------------------------------


def _explain_scale(subject: Subject, context: ClaimContext, mu: Tensor, logvar: Tensor, mode: Mode = Mode.TRAIN) -> Cause:
    """Identify what the sampling step multiplies a given noise by."""
    eps = 0.5 + torch.rand(mu.shape, generator=generator(context, "given noise"))  # away from 0, since it is a divisor
    z = subject.draw(mu, logvar, Noise(given=eps), mode=mode)
    scale = (z - mu) / eps
    return explain_scale(scale, logvar, ROUNDING_OF_MU * float(mu.abs().max()))


def _explain_silence(subject: Subject, context: ClaimContext, zero: Tensor) -> Cause:
    """Identify why no noise moves z at logvar = 0, where a deviation may vanish that is not exp(logvar / 2)."""
    cause = _explain_scale(subject, context, zero, zero + 1)
    return replace(cause, hint=SAMPLED) if cause.mistake == "mean-in-training" else cause


def explain_scale(scale: Tensor, logvar: Tensor, rounding: float) -> Cause:
    """Identify the formula that the noise is multiplied by, and its mistake; an empty cause if no known one fits.

    Args:
        scale: the factor on the noise, of any shape.
        logvar: the log-variances that determine the correct factor, of the same shape.
        rounding: the largest error of the scale from rounding alone.
    """
    if not bool(scale.any()):
        return Cause("mean-in-training", "no noise moves z at all")
    for formula, value, mistake in (
        ("exp(logvar)", logvar.exp(), "std-no-half"),
        ("logvar itself", logvar, "logvar-as-std"),
        ("logvar / 2", logvar / 2, "logvar-as-std"),
        ("logvar^2", logvar.square(), "logvar-as-std"),
        ("exp(2 logvar)", (2 * logvar).exp(), "std-no-half"),
        (f"a constant {float(scale.median()):.3g}", scale.median().expand_as(logvar), "autoencoder-plus-noise"),
    ):
        if bool(((scale - value).abs() <= REPORTED_SHARE * (value.abs() + UNIT_FLOOR) + rounding).all()):
            return Cause(mistake, f"the noise is multiplied by {formula}, not by exp(logvar / 2)")
    return Cause()


def check_identity(subject: Subject, context: ClaimContext) -> Verdict:
    """Check that under the same noise z(mu, logvar) - mu = exp(logvar / 2) * z(0, 0)."""
    worst_share = 0.0

    def examine(example: tuple[CodeBatch, Mode]) -> Verdict | None:
        nonlocal worst_share
        codes, mode = example
        mu, logvar = float32_codes(codes, subject, context)
        noise = Noise(seed=context.rng_seed(codes, "noise"))
        eps = subject.draw(torch.zeros_like(mu), torch.zeros_like(logvar), noise, mode=mode)
        z = subject.draw(mu, logvar, noise, mode=mode)
        if mode is Mode.EVAL and torch.equal(z, mu.to(z)):
            return None
        sigma = torch.exp(0.5 * logvar)
        deviation = (z - mu - sigma * eps).abs()
        beyond = deviation - rounding(mu, sigma, eps)
        share = float((beyond / (sigma * (eps.abs() + LEAST_NOISE))).max())
        worst_share = max(worst_share, share)
        if share <= REPORTED_SHARE:
            return None
        found, wanted, there = entry(int((beyond / sigma).argmax()), z - mu, sigma * eps, logvar)
        return violation(
            {"z - mu": found, "deviation in units of sigma": share},
            {"z - mu": wanted, "tolerance in units of sigma": REPORTED_SHARE},
            what="the noise does not move z by exp(logvar/2) * eps" + (" in eval mode" if mode is Mode.EVAL else ""),
            where={"logvar": there, "batch": codes.batch},
            because=_explain_scale(subject, context, mu, logvar, mode),
        )

    if counterexample := explore(context, in_either_mode(), examine):
        return counterexample
    exact = worst_share <= 0
    return holds(
        "z - mu = exp(logvar/2) * eps to rounding" if exact else f"z - mu = exp(logvar/2) * eps up to {worst_share:.1g} of sigma",
        measured={"examples": context.examples, "largest deviation beyond rounding, in units of sigma": max(worst_share, 0.0)},
        expected={"tolerance in units of sigma": REPORTED_SHARE},
        smallest_effect=f"a deviation of {REPORTED_SHARE:g} of sigma",
    )


REP_01 = Claim(
    id="REP-01",
    title="z = mu + exp(logvar/2) * eps",
    level=Level.REQUIRED,
    statement="with the same noise, z(mu, logvar) - mu = exp(logvar/2) * z(0, 0); in eval mode too, unless z is mu there",
    formula="z = mu + exp(logvar / 2) · eps",
    sources=(basics("sampling"),),
    why="sigma = exp(logvar/2) ties the sampling step to the KL. With std = exp(logvar) training still runs, and every sigma means"
    " something else to the sampler than to the KL. In eval mode it decides what a validation loss and a reconstruction mean. An identity"
    " under one seed needs no statistics: it holds to rounding or misses by far.",
    hint="std = torch.exp(0.5 * logvar); z = mu + std * torch.randn_like(std)",
    decision="identity under one noise, Hypothesis over mu to 10, logvar from -10 to 6 and both modes; 64 ulp, and up to 1e-3 of sigma"
    " reported",
    mistakes=("std-no-half", "logvar-as-std", "autoencoder-plus-noise"),
    needs=(Part.DRAW, Part.NOISE_CONTROL),
    check=check_identity,
    rank=70,
    explains=("KL-02", "REP-02", "REP-03", "REP-04", "REP-05", "NET-03"),
    spends_error_budget=False,
    at_other_sizes=False,
)

# REP-02 ---------------------------------------------------------------------------------------------------------------------------------


def check_standard_normal(subject: Subject, context: ClaimContext) -> Verdict:
    """Check that (z - mu) / sigma is standard normal."""
    d = subject.facts.latent_dim
    draws = max(4, math.ceil(REP_02_DRAWS / d)) * d  # at least four items, to split into two halves
    level = context.level / (REP_02_EXAMPLES + 1)

    def examine(code: ConstantCode, mode: Mode = Mode.TRAIN) -> Verdict | None:
        def measure(draws: int, stage: int) -> list[Pivot]:
            mu, logvar = code.tensors(draws // d, d)
            z = subject.draw(mu, logvar, Noise(seed=context.rng_seed(code, stage)), mode=mode)
            return standard_normal_pivots(((z.double() - mu) / torch.exp(0.5 * logvar)).numpy(force=True))

        decision = decide(measure, draws=draws, level=level)
        return likely(
            decision,
            level,
            what="(z - mu)/sigma is not standard normal" + (" in eval mode" if mode is Mode.EVAL else ""),
            where={"mu": code.mu, "logvar": code.logvar},
            because=lambda: explain_noise(decision.pivot, measure(draws, UNUSED_STAGE)),
        )

    probe = torch.zeros(2, d)
    if subject.draw(probe, probe, Noise(seed=1), mode=Mode.EVAL).any() and (bad := examine(EVAL_CODE, Mode.EVAL)):
        return bad
    return for_all(
        context,
        constant_codes(),
        examine,
        "mean, variance, shape and independence of the noise are those of N(0, 1)",
        examples=REP_02_EXAMPLES,
        simplify=False,
        measured={"draws an example": draws},
        expected={"level": context.level},
        smallest_effect=smallest_noise_error(draws=draws, level=level, examples=REP_02_EXAMPLES),
    )


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
    decision="exact pivots (normal, chi-squared, Dvoretzky-Kiefer-Wolfowitz, conditional normal) in two stages over 20 examples and"
    " one in eval mode",
    mistakes=("eps-from-rand", "eps-shrunk", "std-no-half", "logvar-as-std", "eps-shared"),
    needs=(Part.DRAW,),
    check=check_standard_normal,
    rank=90,
    explains=("KL-02", "REP-05", "NET-03", "INT-03"),
    spends_error_budget=True,
    at_other_sizes=False,
)

# REP-03 ---------------------------------------------------------------------------------------------------------------------------------


def check_fresh(subject: Subject, context: ClaimContext) -> Verdict:
    """Check that noise differs between items, dimensions and calls."""
    d = subject.facts.latent_dim

    @first_violation
    def examine(batch: int) -> Iterator[Verdict | None]:
        zero = torch.zeros(max(batch, REP_03_ITEMS), d)
        z = subject.draw(zero, zero, Noise(seed=context.rng_seed(batch, "first")))
        again = subject.draw(zero, zero, Noise(seed=context.rng_seed(batch, "second")))
        yield positive(
            "largest |z|",
            float(z.abs().max()),
            what="at mu = 0 and logvar = 0 every draw is 0: no noise is drawn",
            # A deviation that is 0 at logvar = 0, as logvar itself is, shows elsewhere.
            because=lambda: _explain_silence(subject, context, zero),
        )
        neighbours = {"items of a batch": (z[1:], z[:-1]), "calls": (z, again)}
        if d > 1:
            neighbours["dimensions"] = (z[:, 1:], z[:, :-1])
        for between, (one, other) in neighbours.items():
            yield close(
                f"equal between {between}",
                float((one == other).double().mean()),
                0.0,
                REP_03_SHARE,
                what=f"the same noise is used for different {between}",
                where={"batch": len(zero)},
                because="eps-shared",
            )

    return for_all(
        context,
        batch_sizes(),
        examine,
        "every item, dimension and call has noise of its own",
        examples=REP_03_EXAMPLES,
        smallest_effect="one tenth of the noise repeated",
    )


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
