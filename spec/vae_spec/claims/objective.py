"""OBJ-01 and OBJ-02: the loss is the negative ELBO, the sum of its two terms with the ELBO's weights."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from vae_spec.checks import Cause, close, first_of, first_violation, proportional, violation
from vae_spec.claim import Claim
from vae_spec.claims.reductions import explain_weight
from vae_spec.context import ClaimContext
from vae_spec.documents import basics, notes
from vae_spec.elbo import accepted_weights, kl_weight, nearest_weight, reconstruction_fit
from vae_spec.exploration import explore, generator
from vae_spec.lazy import Tensor, st, torch
from vae_spec.outcomes import Level, Verdict, holds, not_applicable
from vae_spec.strategies import CodeBatch, Pixels, betas, code_batches, images, outputs, pixel_kinds
from vae_spec.subject import Facts, Objective, Part, Raw, Standing, Subject

WEIGHT_TOLERANCE = 1e-3
"""Relative tolerance on the effective beta: float32 losses leave 1e-6; the smallest mistake seen is a factor of 1.5."""
SUM_TOLERANCE = 1e-5
"""Tolerance on the total against the sum of the terms, relative to their size; a float32 total leaves 1e-6."""
MERE_NUMBER = Cause(
    "no-encoder-gradient",
    "the KL is added as a mere number, and nothing learns from it",
    "add the terms as they are, without detach(), item() or float(): total = reconstruction + beta * kl",
)
"""Why a term that is there has no gradient."""
BATCHES = (4, 9)
"""Two batch sizes with no common factor."""


@dataclass(frozen=True)
class LossInput:
    """The structure of a loss's inputs: posteriors, kinds of pixels, and beta."""

    codes: CodeBatch
    pixels: Pixels
    beta: float


def loss_inputs() -> st.SearchStrategy[LossInput]:
    """Draw the structures of a loss's inputs."""
    return st.builds(LossInput, code_batches(), pixel_kinds(), betas())


def batches_of_several() -> st.SearchStrategy[int]:
    """Draw sizes of batches in which items can be exchanged."""
    return st.sampled_from([2, 3, 5, 8, 16])


def loss_tensors(subject: Subject, context: ClaimContext, example: LossInput) -> tuple[Raw, Tensor, Tensor, Tensor]:
    """Return raw, x, mu and logvar of an example, in float64; the output lies strictly inside its range."""
    facts = subject.facts
    rng = generator(context, example)
    mu, logvar = example.codes.tensors(facts.latent_dim, rng)
    x = images(example.pixels, example.codes.batch, facts, rng, torch.float64)
    x_hat = outputs(Pixels.BETWEEN, example.codes.batch, facts, rng, torch.float64)
    return subject.raw(x_hat), x, mu, logvar


def declared_modified(facts: Facts) -> str | None:
    """Return why a claim about the plain ELBO does not apply to a subject that declares a modified objective, or None."""
    return "its objective is declared modified" if facts.objective is Objective.MODIFIED else None


def needs_closed_form(facts: Facts) -> str | None:
    """Return why a claim about the closed-form KL does not apply to this subject, or None."""
    if facts.objective is Objective.ELBO_MONTE_CARLO:
        return "its KL is a Monte Carlo estimate: it is the divergence on average alone, and there is no closed form to check"
    return declared_modified(facts)


# OBJ-01 ---------------------------------------------------------------------------------------------------------------------------------


FAR_MEAN = 4.0
"""The mu at which a loss's default weight is measured: the KL is eight nats a dimension, far above rounding."""


def own_weight(subject: Subject, raw: Raw, x: Tensor) -> float:
    """Return the weight of the reported KL in the total if the caller passes no beta."""
    mu = torch.full((len(x), subject.facts.latent_dim), FAR_MEAN, dtype=torch.float64)
    terms = subject.terms(raw, x, mu, torch.zeros_like(mu))
    kl = float(terms.kl)
    return (float(terms.total) - float(terms.reconstruction)) / kl if kl else 1.0


def _weightless(subject: Subject, weight: float) -> Verdict | None:
    """Return the violation if the total has no KL, or one of the wrong sign; else None."""
    if weight > 0:
        return None
    missing = "add the KL to the total, and let its weight be 1 where the caller names none: total = reconstruction + beta * kl"
    turned = "the KL is subtracted, or reported with the wrong sign: total = reconstruction + beta * kl, kl >= 0"
    return violation(
        {"(total - reconstruction) / KL": weight},
        {"(total - reconstruction) / KL": subject.facts.effective_beta or 1.0},
        what="where no beta is named the KL does not enter the total as it should",
        because=Cause("kl-sign", hint=turned) if weight < 0 else Cause("autoencoder-plus-noise", hint=missing),
    )


def check_total(subject: Subject, context: ClaimContext) -> Verdict:
    """Check that total = reconstruction + beta * KL at every beta; without a beta the weight must be constant, and OBJ-02 judges it."""
    if subject.facts.kl_turned:
        return violation(
            {"KL beside the total, over the one in it": -1},
            {"KL beside the total, over the one in it": 1},
            what="the loss returns the negative of the KL that its total holds: the training is right, and its log is not",
            because=Cause("kl-sign", hint="return the KL as the total holds it, kl >= 0, and not its negative"),
        )
    has_beta = subject.facts.parts[Part.BETA].standing is Standing.PRESENT
    seen: list[float] = []

    @first_violation
    def examine(example: LossInput) -> Iterator[Verdict | None]:
        raw, x, mu, logvar = loss_tensors(subject, context, example)
        default = subject.terms(raw, x, mu, logvar)
        reconstruction, kl = float(default.reconstruction), float(default.kl)
        weight = own_weight(subject, raw, x)
        seen.append(weight)
        size = 1 + abs(reconstruction) + max(1.0, abs(weight)) * abs(kl)
        gap = float(default.total) - reconstruction
        batch = {"batch": example.codes.batch}
        yield close(
            "total - reconstruction",
            gap,
            weight * kl,
            SUM_TOLERANCE * size,
            what=f"without naming beta, the KL does not weigh what it does at mu = {FAR_MEAN:g}",
            where={"(total - reconstruction) / KL": gap / kl if kl else math.nan, "own weight of the KL": weight, **batch},
            because="beta-unused",
        )
        if kl:
            yield _weightless(subject, weight)
        if has_beta:
            yield close(
                "total",
                float(subject.terms(raw, x, mu, logvar, beta=example.beta).total),
                reconstruction + example.beta * weight * kl,
                SUM_TOLERANCE * (size + example.beta * size),
                what="the total is not reconstruction + beta * KL",
                where={"beta": example.beta, **batch},
                because="beta-unused",
            )

    if counterexample := explore(context, loss_inputs(), examine):
        return counterexample
    tried = "any beta from 0 to 20" if has_beta else "its fixed beta (the loss takes none)"
    own = next((weight for weight in seen if abs(weight - 1) > WEIGHT_TOLERANCE), 1.0)
    weighed = "" if own == 1 else f"; where none is named, the KL that it reports weighs {own:.6g} (OBJ-02 judges that)"
    return holds(
        f"total = reconstruction + beta * KL for {tried}{weighed}",
        measured={"examples": context.examples} | ({} if own == 1 else {"own weight of the KL": own}),
        smallest_effect=f"a deviation of {SUM_TOLERANCE:g} of the terms",
    )


OBJ_01 = Claim(
    id="OBJ-01",
    title="total = reconstruction + beta * KL",
    level=Level.REQUIRED,
    statement="the loss is the reconstruction term plus beta times the KL term, for any beta >= 0, in units of the weight that the KL has"
    " where none is named",
    formula="L(β) = L_rec + β · KL,  L() = L(1)",
    sources=(notes("objective"), notes("13.4.1.3"), notes("13.4.6"), basics("loss")),
    why="Both documents minimise exactly this sum, and every phenomenon of the weight beta presupposes that beta scales the KL and"
    " nothing else.",
    hint="return reconstruction + beta * kl as the total, and the two terms themselves, unweighted, beside it",
    decision="identity, on examples over batch sizes, posteriors, pixels and beta; float64, relative tolerance 1e-5",
    mistakes=("beta-unused", "kl-sign"),
    needs=(Part.LOSS, Part.LOSS_TERMS),
    check=check_total,
    applies=declared_modified,
    rank=140,
    explains=("OBJ-02", "OBJ-04", "TRN-02", "TOY-01", "TOY-03", "TOY-04"),
    spends_error_budget=False,
    at_other_sizes=False,
)

KL_HALVED = Cause("kl-halved", "the squared error has its 1/2, and the KL has half of what it should: it is halved once too often")


def has_its_half(facts: Facts, scales: Sequence[float]) -> bool:
    """Return whether a squared error was written with its 1/2, as its scales at both batch sizes show.

    A loss is summed over the batch, averaged over it, or averaged over the entries too. Where twice such a factor is another one, either
    may be meant, and the answer is False.
    """

    def usual(scale: float, batch: int) -> bool:
        return any(abs(scale * entries / items - 1) < WEIGHT_TOLERANCE for items in (1, batch) for entries in (1, facts.terms))

    plain, doubled = (all(usual(scale / factor, batch) for scale, batch in zip(scales, BATCHES, strict=True)) for factor in (1, 2))
    return plain and not doubled


# OBJ-02 ---------------------------------------------------------------------------------------------------------------------------------


def check_weight(subject: Subject, context: ClaimContext) -> Verdict:
    """Check the effective beta at two batch sizes."""
    facts = subject.facts
    if facts.likelihood is None:
        return not_applicable(
            "the reconstruction term matches no known likelihood, so its scale is unknown (see OBJ-03); declare it with --likelihood"
        )
    weights, scales = [], []
    for batch in BATCHES:
        fit = reconstruction_fit(subject, facts.likelihood, batch=batch, seed=context.seed)
        if not fit.good:
            return not_applicable(f"the reconstruction term is not that of the {facts.likelihood} likelihood (see OBJ-03)")
        weights.append(kl_weight(subject, batch=batch, seed=context.seed) / fit.scale)
        scales.append(fit.scale)
    if facts.kl_alone and min(weights) > 0:
        return not_applicable(
            "the model gives its KL alone and a script adds the reconstruction term, which the suite supplies here: how the two weigh"
            " against one another is not to be seen; name the whole loss with --loss, or write an adapter"
        )
    accepted = accepted_weights(facts)
    target = nearest_weight(weights[0], accepted)
    measured = {f"effective beta at batch {batch}": weight for batch, weight in zip(BATCHES, weights, strict=True)}
    if bad := first_of(
        proportional(
            name,
            weight,
            target,
            WEIGHT_TOLERANCE,
            where=measured,
            because=lambda: explain_weight(facts, weights, BATCHES, WEIGHT_TOLERANCE),
        )
        for name, weight in measured.items()
    ):
        return bad
    words = f"effective beta {weights[0]:.4g} at both batch sizes"
    if target == 0.5 * accepted[0]:
        if has_its_half(facts, scales):
            return violation(
                measured,
                {next(iter(measured)): accepted[0], "relative tolerance": WEIGHT_TOLERANCE},
                where={"scale of the squared error against -log p": scales[0]},
                because=KL_HALVED,
            )
        words += " (squared error without its 1/2: twice the precision of a unit-variance Gaussian)"
    return holds(
        words,
        measured=measured,
        expected={"effective beta": target, "relative tolerance": WEIGHT_TOLERANCE},
        smallest_effect=f"a factor of {1 + WEIGHT_TOLERANCE:g} in either term",
    )


OBJ_02 = Claim(
    id="OBJ-02",
    title="the ELBO's own weights",
    level=Level.REQUIRED,
    statement="the KL weighs against the reconstruction as in the ELBO: the effective beta is 1 at every batch size, or the constant"
    " declared",
    formula="β_eff = [L(mu, σ = 1) − L(0, σ = 1)] / (r · mean Σⱼ muⱼ² / 2) = 1,  r the scale of L_rec against −log p(x | z)",
    sources=(notes("13.4.1.2"), basics("loss")),
    why="Sums, batch means and means over everything are all fine as long as both terms share them. The effective beta, the KL's weight"
    " against the per-item negative log-likelihood, makes all conventions comparable: 1 is the ELBO, 0.5 is squared error written without"
    " its 1/2 (accepted and reported), and averaging one term alone hides a beta of hundreds, the commonest mistake of all.",
    hint="sum both terms over their own dimensions and average both over the batch",
    decision="finite changes of the loss at batch sizes 4 and 9, float64; relative tolerance 1e-3",
    mistakes=(
        "hard-coded-shape",
        "recon-mean-kl-sum",
        "kl-mean-recon-sum",
        "terms-scale-with-batch",
        "missing-half",
        "kl-halved",
        "kl-sign",
    ),
    needs=(Part.LOSS,),
    check=check_weight,
    applies=declared_modified,
    rank=160,
    explains=("KL-02", "KL-03", "KL-05", "TRN-01", "TRN-02", "TRN-06", "REC-01", "COL-01", "TOY-01", "TOY-03", "TOY-04"),
    spends_error_budget=False,
    at_other_sizes=True,
)
