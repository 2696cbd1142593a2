"""KL-01 to KL-03: the closed-form KL is the divergence of q from the standard normal prior."""

from __future__ import annotations

import math
from collections.abc import Iterator

from vae_spec.checks import Cause, close, first_violation, likely, nonnegative, positive, proportional
from vae_spec.claim import Claim
from vae_spec.claims.kl_term import BATCH, KNOWN_RATIOS, NO_SCALE, RELATIVE_TOLERANCE, KLTerm, cause_of_ratio
from vae_spec.claims.objective import needs_closed_form
from vae_spec.context import ClaimContext
from vae_spec.documents import basics, notes
from vae_spec.elbo import closed_form_kl
from vae_spec.exploration import for_all
from vae_spec.lazy import Tensor, torch
from vae_spec.outcomes import Level, Verdict, not_applicable
from vae_spec.statistics.pivots import MonteCarloKL, Pivot, monte_carlo_kl
from vae_spec.statistics.two_stage import decide
from vae_spec.strategies import CodeBatch, ConstantCode, code_batches, constant_codes
from vae_spec.subject import Noise, Part, Subject

KL_01_ANCHORS = (CodeBatch(2, 0.0, 1.5, 1.5), CodeBatch(2, 0.0, -1.5, -1.5), CodeBatch(2, 1.0, 0.0, 0.0))
"""Posteriors that differ from the prior in one respect each: wider, narrower, shifted. One of them reveals any missing term."""
KL_01_AT_PRIOR = 1e-5
"""Nats a dimension that the KL may be at the prior: floors such as log(1e-8 + sigma^2) leave 1e-8, std + 1e-6 leaves 1e-6."""
KL_01_ROUNDING = 1e-6
"""Relative float32 rounding: how far below 0 a KL may be, and below which a divergence counts as rounding."""
APART = 1e-3
"""Least divergence of a posterior, in nats, for which its KL has to be positive and may be divided by."""
KL_02_DRAWS = 4096
KL_02_EXAMPLES = 24
"""Draws in an example's screen, and number of examples: what the declared power requires."""
KL_02_FLOOR = 1e-5
"""Allowed error in nats a dimension from a floor inside the sampler or the KL."""
KL_02_SMALLEST_FACTOR = 1.1
"""Declared power of KL-02: a KL wrong by this factor or its inverse is detected over the examples with probability >= 0.99."""
KL_02_BLUR = 0.02
"""Least tolerance for matching a known ratio, whatever the standard error. Chosen, not measured: a small share of the
distance of a known ratio from 1. It affects only which mistake is named, never whether the claim is violated."""


# KL-01 ----------------------------------------------------------------------------------------------------------------------------------


def check_nonnegative(subject: Subject, context: ClaimContext) -> Verdict:
    """Check that KL >= 0, with equality at the prior alone."""
    term, d = KLTerm(subject, context), subject.facts.latent_dim

    @first_violation
    def examine(codes: CodeBatch) -> Iterator[Verdict | None]:
        mu, logvar = term.posterior(codes)
        zero = torch.zeros_like(mu)
        value, at_prior, closed = term(mu, logvar), term(zero, zero), float(closed_form_kl(mu, logvar).mean())
        unit = max(abs(value) / closed, KL_01_ROUNDING) if closed > KL_01_ROUNDING else 1.0
        batch = {"batch": codes.batch}

        def constant() -> Cause | str:
            # Without the -1 or exp(logvar), the closed form is off by half a nat a dimension.
            half = abs(abs(at_prior) / term.nat(codes.batch) - d / 2) < APART
            return term.wrong_form() or ("kl-missing-term" if half else "kl-wrong-prior")

        yield close(
            "KL at the prior",
            at_prior,
            0.0,
            KL_01_AT_PRIOR * unit * d,
            what="at mu = 0, logvar = 0 posterior and prior are the same",
            where=batch,
            because=constant,
        )
        where = {"divergence": closed, **batch}
        yield nonnegative(
            "KL",
            value,
            KL_01_ROUNDING * unit * (1 + closed),
            where=where,
            because=lambda: "kl-sign" if term.turned(mu, logvar) else term.wrong_form(),
        )
        if closed > APART:
            # A KL that is also 0 at a posterior where none of its terms vanishes is not a KL.
            yield positive(
                "KL",
                value,
                where=where,
                because=lambda: "autoencoder-plus-noise" if value == term(zero + 1.3, zero - 0.7) == 0 else term.wrong_form(),
            )

    return for_all(
        context,
        code_batches(),
        examine,
        "never negative, zero at the prior, positive elsewhere",
        anchors=KL_01_ANCHORS,
        smallest_effect=f"{KL_01_AT_PRIOR:g} of a nat a dimension at the prior",
    )


KL_01 = Claim(
    id="KL-01",
    title="KL >= 0, and 0 at the prior",
    level=Level.REQUIRED,
    statement="the KL term is never negative and is zero exactly where the posterior is the prior: mu = 0, logvar = 0",
    formula="KL(mu, logvar) ≥ 0,  KL(0, 0) = 0",
    sources=(notes("objective"),),
    why="A divergence is zero between equal distributions and positive between different ones. A negative KL in a log is a sign error or a"
    " formula fed with something that is not a log-variance; a KL that is not zero at the prior pulls the posterior somewhere else.",
    hint="kl = -0.5 * sum(1 + logvar - mu^2 - exp(logvar)) over the latent dimensions",
    decision="posteriors that are wider, narrower and elsewhere, and Hypothesis over batches of posteriors, float64",
    mistakes=("kl-sign", "kl-wrong-prior", "kl-missing-term", "logvar-as-std", "autoencoder-plus-noise"),
    needs=(Part.LOSS,),
    check=check_nonnegative,
    applies=needs_closed_form,
    rank=150,
    explains=("OBJ-02", "KL-02", "KL-03", "KL-05"),
    spends_error_budget=False,
    at_other_sizes=False,
)

# KL-02 ----------------------------------------------------------------------------------------------------------------------------------


def check_monte_carlo(subject: Subject, context: ClaimContext) -> Verdict:
    """Compare the closed form with E_q[log q - log p] over the subject's own draws, by an exact noncentral chi-squared law."""
    term, d = KLTerm(subject, context), subject.facts.latent_dim
    items = max(2, math.ceil(KL_02_DRAWS / d))
    scale, weight = term.scale(2), term.weight()
    if scale is None or weight is None:
        return not_applicable(NO_SCALE)
    level = context.level / KL_02_EXAMPLES
    seen: list[MonteCarloKL] = []

    def examine(code: ConstantCode) -> Verdict | None:
        claimed = term(*code.tensors(2, d)) / (scale * weight * d)

        def measure(draws: int, stage: int) -> list[Pivot]:
            z = subject.draw(*code.tensors(draws // d, d), Noise(seed=context.rng_seed(code, stage)))
            values = z.double().numpy(force=True)
            estimate = monte_carlo_kl(values, code.mu, code.logvar, claimed).estimate
            # So that floors such as log(1e-8 + sigma^2) pass, the claimed value may move to the estimate within KL-03's tolerance.
            allowed = KL_02_FLOOR + RELATIVE_TOLERANCE * abs(claimed)
            moved = claimed + min(max(estimate - claimed, -allowed), allowed)
            seen.append(monte_carlo_kl(values, code.mu, code.logvar, moved))
            return [Pivot("Monte Carlo KL", seen[-1].estimate * d, claimed * d, seen[-1].p)]

        decision = decide(measure, draws=items * d, level=level)
        estimate, error = seen[-1].estimate, seen[-1].standard_error
        ratio = claimed / estimate if estimate else math.nan
        return likely(
            decision,
            level,
            what="the closed form is not what Monte Carlo through your sampling step gives",
            where={"standard error": error * d, "ratio": ratio, "mu": code.mu, "logvar": code.logvar},
            because=lambda: explain_ratio(ratio, error / abs(estimate) if estimate else math.inf),
        )

    return for_all(
        context,
        constant_codes(),
        examine,
        "the closed form agrees with Monte Carlo through the sampling step",
        examples=KL_02_EXAMPLES,
        simplify=False,
        measured={"draws an example": items * d},
        expected={"level": context.level},
        smallest_effect=f"a factor of {KL_02_SMALLEST_FACTOR} on the KL, with probability 0.99",
    )


def explain_ratio(ratio: float, error: float) -> Cause:
    """Identify the mistake from the ratio of the closed form to an estimate.

    Args:
        ratio: closed form over estimate.
        error: relative standard error of the estimate. If it is too large to distinguish a known ratio from 1, no mistake is named.
    """
    blur = max(KL_02_BLUR, 4 * abs(ratio) * error)  # four standard errors, exceeded by one estimate in 16,000
    known = next((cause for value, cause in KNOWN_RATIOS.items() if abs(ratio - value) < blur < abs(value - 1)), None)
    words = f"the KL is {ratio:.3g} of what your own samples give: its weight or its formula is wrong, or the sampling step is"
    return known or Cause(words=words)


KL_02 = Claim(
    id="KL-02",
    title="closed form = Monte Carlo",
    level=Level.REQUIRED,
    statement="the closed-form KL equals the Monte Carlo estimate of E_q[log q(z|x) - log p(z)] through the implementation's own"
    " sampling step",
    formula="KL = E[log q(z | x) − log p(z)],  z = reparameterize(mu, logvar)",
    sources=(notes("objective"),),
    why="The closed form and the sampling step are two statements about one distribution. Each may look right alone; std = exp(logvar) in"
    " the sampler or a KL without its 1/2 makes them contradict one another, and training then optimises no bound.",
    hint="write both from the same logvar: std = exp(0.5 * logvar), kl = -0.5 * sum(1 + logvar - mu^2 - exp(logvar))",
    decision="posteriors constant over dimensions and items, where the sum has an exact noncentral chi-squared law; two stages",
    mistakes=(
        "kl-first-dimension",
        "missing-half",
        "std-no-half",
        "logvar-as-std",
        "eps-from-rand",
        "eps-shrunk",
        "kl-reversed",
        "kl-wrong-prior",
        "kl-missing-term",
        "swapped-heads",
    ),
    needs=(Part.LOSS, Part.DRAW),
    check=check_monte_carlo,
    applies=needs_closed_form,
    rank=200,
    spends_error_budget=True,
    at_other_sizes=False,
)

# KL-03 ----------------------------------------------------------------------------------------------------------------------------------


def _reference_kl(mu: Tensor, logvar: Tensor) -> Tensor:
    known = torch.distributions
    prior = known.Independent(known.Normal(torch.zeros_like(mu), torch.ones_like(mu)), 1)
    return torch.as_tensor(known.kl_divergence(known.Independent(known.Normal(mu, torch.exp(0.5 * logvar)), 1), prior))


def check_closed_form(subject: Subject, context: ClaimContext) -> Verdict:
    """Check that the KL is r times that of torch.distributions."""
    term, d, entries = KLTerm(subject, context), subject.facts.latent_dim, subject.facts.pixels
    weight = term.weight()
    if weight is None:
        return not_applicable(NO_SCALE)
    averaged = {
        1 / d: Cause("kl-mean-recon-sum", f"most likely the KL is averaged over the {d} latent dimensions"),
        float(entries): Cause("recon-mean-kl-sum", "most likely the reconstruction is averaged over pixels, and the KL is not"),
    }

    def examine(codes: CodeBatch) -> Verdict | None:
        mu, logvar = term.posterior(codes)
        reference = float(_reference_kl(mu, logvar).mean())
        scale = term.scale(codes.batch)
        if reference < APART or scale is None:
            return None
        found = term(mu, logvar) / (scale * weight)
        nothing = None if found else Cause("autoencoder-plus-noise", "there is no KL")
        return proportional(
            "KL",
            found,
            reference,
            RELATIVE_TOLERANCE,
            what="the KL is not what torch.distributions gives",
            where={"batch": codes.batch},
            because=lambda: cause_of_ratio(found / reference, {**averaged, **KNOWN_RATIOS}) or term.wrong_form() or nothing,
        )

    return for_all(
        context,
        code_batches(),
        examine,
        "r times the divergence of torch.distributions",
        measured={"weight": weight, f"r at batch {BATCH}": term.scale(BATCH)},
        expected={"relative tolerance": RELATIVE_TOLERANCE},
        smallest_effect=f"a factor of {1 + RELATIVE_TOLERANCE:g}",
    )


KL_03 = Claim(
    id="KL-03",
    title="the divergence of diagonal Gaussians",
    level=Level.REQUIRED,
    statement="the KL term is the divergence of a diagonal Gaussian from N(0, I), on the scale that the reconstruction has against its"
    " likelihood",
    formula="KL = −r/2 · Σⱼ (1 + logvarⱼ − muⱼ² − exp(logvarⱼ))",
    sources=(notes("objective"), basics("loss")),
    why="The closed form has four terms, a sign and a half, and each has been left out by somebody. Judged on the reconstruction's own"
    " scale, sums, batch means and means over everything pass alike, and a ratio of 2.00 means something.",
    hint="kl = -0.5 * sum(1 + logvar - mu^2 - exp(logvar)) over the latent dimensions, reduced over the batch as the reconstruction is",
    decision="Hypothesis over batches of posteriors, float64, relative tolerance 1e-3",
    mistakes=(
        "missing-half",
        "kl-mean-recon-sum",
        "recon-mean-kl-sum",
        "terms-scale-with-batch",
        "kl-sign",
        "kl-reversed",
        "kl-first-dimension",
        "kl-wrong-prior",
        "kl-missing-term",
        "kl-of-batch-mean",
        "logvar-as-std",
        "autoencoder-plus-noise",
        "kl-halved",
        "swapped-heads",
    ),
    needs=(Part.LOSS,),
    check=check_closed_form,
    applies=needs_closed_form,
    rank=170,
    explains=("KL-02", "KL-05", "TRN-06"),
    spends_error_budget=False,
    at_other_sizes=True,
)
