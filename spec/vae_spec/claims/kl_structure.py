"""KL-04 and KL-05: the KL adds up over items and dimensions, and pulls as its closed form does."""

from __future__ import annotations

import math

import torch

from vae_spec.claim import Claim
from vae_spec.claims.kl import RELATIVE_TOLERANCE
from vae_spec.claims.kl_term import NO_SCALE, KLTerm
from vae_spec.claims.objective import needs_closed_form
from vae_spec.documents import basics, notes
from vae_spec.exploration import explore, generator
from vae_spec.outcomes import Level, Verdict, holds, not_applicable, violated
from vae_spec.strategies import CodeBatch, code_batches
from vae_spec.subject import Part, Subject
from vae_spec.trial import Trial

# KL-04 ----------------------------------------------------------------------------------------------------------------------------------


def check_additive(subject: Subject, trial: Trial) -> Verdict:
    """Additive over dimensions and items; invariant under permuting either."""
    term = KLTerm(subject, trial)

    def item_scale(batch: int) -> float:
        """What a batch of equal items reads against a single one: its size for sums, 1 for means."""
        one = torch.full((1, subject.facts.latent_dim), 1.3, dtype=torch.float64)
        return term(one.repeat(batch, 1), 0.3 * one.repeat(batch, 1)) / (term(one, 0.3 * one) or math.nan)

    scales: dict[int, float] = {}
    if not math.isfinite(item_scale(2)):
        return not_applicable("the KL is 0 for every posterior: there is nothing to add up (see KL-01, KL-03)")

    def examine(codes: CodeBatch) -> Verdict | None:
        mu, logvar = codes.tensors(subject.facts.latent_dim, generator(trial, codes))
        whole = term(mu, logvar)
        for what, axis in (("items", 0), ("dimensions", 1)):
            moved = term(mu.roll(1, axis), logvar.roll(1, axis))
            if abs(moved - whole) > 1e-4 * (abs(whole) + abs(moved)) + 1e-9:
                return violated(
                    f"another order of the {what} changes the KL from {whole:.6g} to {moved:.6g}",
                    measured={"before": whole, "after": moved},
                    expected={"difference": 0.0},
                    diagnosis="kl-first-dimension",
                )
        if codes.batch not in scales:
            scales[codes.batch] = item_scale(codes.batch)
        singly = [term(mu[i : i + 1], logvar[i : i + 1]) for i in range(min(codes.batch, 8))]
        tolerance = 1e-4 * (abs(whole) + max(abs(one) for one in singly) * abs(scales[codes.batch]) + 1e-9)
        if codes.batch <= 8:
            by_item = scales[codes.batch] * sum(singly) / codes.batch
            if not abs(by_item - whole) <= tolerance:
                return violated(
                    f"the KL of {codes.batch} items is {whole:.6g}, their own KLs make {by_item:.6g}",
                    measured={"together": whole, "singly": by_item, "batch": codes.batch},
                    expected={"difference": 0.0},
                    diagnosis="kl-of-batch-mean",
                )
        by_dimension = 0.0
        groups = torch.arange(mu.shape[1]).chunk(8)
        for group in groups:
            kept = torch.zeros_like(mu)
            kept[:, group] = 1
            by_dimension += term(mu * kept, logvar * kept)
        rest = (len(groups) - 1) * term(0 * mu, 0 * logvar)
        if abs(by_dimension - rest - whole) > tolerance * mu.shape[1]:
            return violated(
                f"the KL of all dimensions is {whole:.6g}, dimension by dimension it is {by_dimension - rest:.6g}",
                measured={"together": whole, "by dimension": by_dimension - rest},
                expected={"difference": 0.0},
                diagnosis="kl-first-dimension",
            )
        return None

    if counterexample := explore(trial, code_batches(), examine, examples=min(trial.examples, 20)):
        return counterexample
    return holds(
        "additive over items and dimensions, in any order",
        measured={"examples": min(trial.examples, 20)},
        smallest_effect="a deviation of 1e-4 of the KL",
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


def check_gradients(subject: Subject, trial: Trial) -> Verdict:
    """D KL / d mu = mu and d KL / d logvar = (exp(logvar) - 1) / 2, on the loss's scale."""
    term = KLTerm(subject, trial)
    weight = term.weight()
    if weight is None:
        return not_applicable(NO_SCALE)

    def examine(codes: CodeBatch) -> Verdict | None:
        scale = term.scale(codes.batch)
        if scale is None:
            return None
        mu, logvar = codes.tensors(subject.facts.latent_dim, generator(trial, codes))
        factor = scale * weight / codes.batch
        for name, found, wanted in zip(
            ("mu", "logvar"), term.gradients(mu, logvar), (factor * mu, factor * 0.5 * torch.expm1(logvar)), strict=True
        ):
            largest = float(wanted.abs().max())
            worst = float((found - wanted).abs().max())
            if worst > RELATIVE_TOLERANCE * largest + 1e-9:
                at = int((found - wanted).abs().argmax())
                there, ours = float(found.flatten()[at]), float(wanted.flatten()[at])
                ratio = there / ours if ours else math.nan
                return violated(
                    f"the gradient with respect to {name} is {there:.6g} where the closed form's is {ours:.6g} (ratio {ratio:.3f})",
                    measured={"gradient": there, "ratio": ratio, "batch": codes.batch},
                    expected={"gradient": ours, "ratio": 1.0},
                    diagnosis="missing-half" if abs(ratio - 2) < 0.01 else "kl-sign" if abs(ratio + 1) < 0.01 else None,
                )
        return None

    if counterexample := explore(trial, code_batches(), examine):
        return counterexample
    return holds(
        "the closed form's gradients",
        measured={"examples": trial.examples},
        smallest_effect="a factor of 1.001 in either gradient",
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
