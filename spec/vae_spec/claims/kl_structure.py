"""KL-04 and KL-05: the KL is additive over items and dimensions and has the gradient of its closed form."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cache, partial

from vae_spec.checks import close, entry, first_violation, proportional, worst
from vae_spec.claim import Claim
from vae_spec.claims.kl_term import NO_SCALE, RELATIVE_TOLERANCE, KLTerm, cause_of_ratio
from vae_spec.claims.objective import MERE_NUMBER, needs_closed_form
from vae_spec.context import ClaimContext
from vae_spec.documents import basics, notes
from vae_spec.exploration import FEW_EXAMPLES, for_all
from vae_spec.lazy import torch
from vae_spec.outcomes import Level, Verdict, not_applicable
from vae_spec.strategies import CodeBatch, code_batches
from vae_spec.subject import Part, Subject

ADDITIVE = 1e-4
"""Relative difference allowed between float32 sums in different orders; a KL of one dimension or of a mean posterior exceeds it by far."""
NOTHING = 1e-9
"""Rounding, in the loss's own units, where the KL or its gradient is 0."""
ONE_BY_ONE = 8
"""Largest number of items and of groups of dimensions that are evaluated one by one, at one call each."""

# KL-04 ----------------------------------------------------------------------------------------------------------------------------------


def check_additive(subject: Subject, context: ClaimContext) -> Verdict:
    """Check that the KL is additive over dimensions and items and invariant under permuting either."""
    term = KLTerm(subject, context)

    @cache
    def item_scale(batch: int) -> float:
        """Return the KL of a batch of equal items over that of a single one: the batch size for sums, 1 for means."""
        one = term.zeros(1) + 1.3  # any posterior off the prior
        return term(one.repeat(batch, 1), 0.3 * one.repeat(batch, 1)) / (term(one, 0.3 * one) or math.nan)

    if not math.isfinite(item_scale(2)):
        return not_applicable("the KL is 0 for every posterior: there is nothing to add up (see KL-01, KL-03)")

    @first_violation
    def examine(codes: CodeBatch) -> Iterator[Verdict | None]:
        mu, logvar = term.posterior(codes)
        whole = term(mu, logvar)
        for what, axis in (("items", 0), ("dimensions", 1)):
            moved = term(mu.roll(1, axis), logvar.roll(1, axis))
            yield close(
                f"KL in another order of the {what}",
                moved,
                whole,
                ADDITIVE * (abs(whole) + abs(moved)) + NOTHING,
                because="kl-first-dimension",
            )
        singly = [term(mu[i : i + 1], logvar[i : i + 1]) for i in range(min(codes.batch, ONE_BY_ONE))]
        scale = item_scale(codes.batch)
        tolerance = ADDITIVE * (abs(whole) + max(map(abs, singly)) * abs(scale) + NOTHING)
        if codes.batch <= ONE_BY_ONE:
            by_item = scale * sum(singly) / codes.batch
            yield close(
                "KL of the batch",
                whole,
                by_item,
                tolerance,
                what="the items' own KLs make another one together",
                where={"batch": codes.batch},
                because="kl-of-batch-mean",
            )
        groups = torch.arange(mu.shape[1]).chunk(ONE_BY_ONE)
        by_dimension = -(len(groups) - 1) * term(0 * mu, 0 * logvar)
        for group in groups:
            kept = torch.zeros_like(mu)
            kept[:, group] = 1
            by_dimension += term(mu * kept, logvar * kept)
        yield close(
            "KL of all dimensions",
            whole,
            by_dimension,
            tolerance * mu.shape[1],
            what="the dimensions' own KLs make another one together",
            because="kl-first-dimension",
        )

    return for_all(
        context,
        code_batches(),
        examine,
        "additive over items and dimensions, in any order",
        examples=min(context.examples, FEW_EXAMPLES),
        smallest_effect=f"a deviation of {ADDITIVE:g} of the KL",
    )


KL_04 = Claim(
    id="KL-04",
    title="additive over items and dimensions",
    level=Level.REQUIRED,
    statement="the KL is the sum (or mean) of the items' own KLs and the sum of the dimensions' own, in any order of either",
    formula="KL(mu, logvar) = r · Σᵢ Σⱼ KL(muᵢⱼ, logvarᵢⱼ)",
    sources=(notes("objective"),),
    why="Both posterior and prior factorise, so the divergence adds up. A KL of the batch's mean code, or of the first dimension alone,"
    " does not.",
    hint="compute the KL item by item over all latent dimensions, then reduce over the batch",
    decision="Hypothesis over batches of posteriors, float64, relative tolerance 1e-4",
    mistakes=("kl-of-batch-mean", "kl-first-dimension"),
    needs=(Part.LOSS,),
    check=check_additive,
    applies=needs_closed_form,
    rank=130,
    explains=("OBJ-02", "KL-01", "KL-02", "KL-03", "KL-05"),
    spends_error_budget=False,
    at_other_sizes=True,
)

# KL-05 ----------------------------------------------------------------------------------------------------------------------------------


def check_gradients(subject: Subject, context: ClaimContext) -> Verdict:
    """Check that d KL / d mu = mu and d KL / d logvar = (exp(logvar) - 1) / 2, on the loss's scale."""
    term = KLTerm(subject, context)
    weight = term.weight()
    if weight is None:
        return not_applicable(NO_SCALE)

    @first_violation
    def examine(codes: CodeBatch) -> Iterator[Verdict | None]:
        scale = term.scale(codes.batch)
        if scale is None:
            return
        mu, logvar = term.posterior(codes)
        factor = scale * weight / codes.batch
        closed_form = factor * mu, factor * 0.5 * torch.expm1(logvar)
        for name, slope, wanted in zip(("mu", "logvar"), term.gradients(mu, logvar), closed_form, strict=True):
            found, expected = entry(worst(slope, wanted), slope, wanted)
            yield proportional(
                f"gradient with respect to {name}",
                found,
                expected,
                RELATIVE_TOLERANCE,
                size=float(wanted.abs().max()) + NOTHING / RELATIVE_TOLERANCE,
                what="the KL does not pull as its closed form does",
                where={"batch": codes.batch},
                because=partial(cause_of_ratio, found / expected if expected else math.nan) if bool(slope.any()) else MERE_NUMBER,
            )

    return for_all(
        context,
        code_batches(),
        examine,
        "the closed form's gradients",
        smallest_effect=f"a factor of {1 + RELATIVE_TOLERANCE:g} in either gradient",
    )


KL_05 = Claim(
    id="KL-05",
    title="the closed form's gradients",
    level=Level.REQUIRED,
    statement="the gradients of the KL are mu and (exp(logvar) - 1) / 2 on the loss's scale",
    formula="∂KL/∂muⱼ = r · muⱼ,  ∂KL/∂logvarⱼ = r · (exp(logvarⱼ) − 1) / 2",
    sources=(notes("objective"), basics("loss")),
    why="Training sees gradients only. A detached mu or logvar leaves the printed KL right and its pull on the encoder gone.",
    hint="let the KL depend on mu and logvar themselves: no detach, no .data, no item()",
    decision="Hypothesis over batches of posteriors, float64, relative tolerance 1e-3 of the largest gradient",
    mistakes=("kl-mean-recon-sum", "logvar-as-std", "missing-half", "kl-sign", "kl-missing-term", "kl-reversed", "no-encoder-gradient"),
    needs=(Part.LOSS,),
    check=check_gradients,
    applies=needs_closed_form,
    rank=190,
    spends_error_budget=False,
    at_other_sizes=False,
)
