"""OBJ-03: the reconstruction term is a negative log-likelihood."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from vae_spec.checks import Because, Cause, first_violation, violation
from vae_spec.claim import Claim
from vae_spec.claims.objective import BATCHES, batches_of_several
from vae_spec.context import ClaimContext
from vae_spec.documents import basics, notes
from vae_spec.elbo import FIT_TOLERANCE, reconstruction_fit
from vae_spec.exploration import FEW_EXAMPLES, explore, generator
from vae_spec.lazy import Tensor, torch
from vae_spec.outcomes import Level, Number, Verdict, holds, not_applicable
from vae_spec.strategies import Pixels, images, outputs
from vae_spec.subject import Facts, Likelihood, Part, Subject, SubjectFault, Term


def _other_likelihood(subject: Subject, context: ClaimContext, batch: int, kind: Pixels = Pixels.BETWEEN) -> Likelihood | None:
    """Find another likelihood that the term matches, for the message."""
    single = [one for one in Likelihood if not one.pair and one is not Likelihood.CATEGORICAL]
    return next((one for one in single if _is_of(subject, context, one, batch, kind)), None)


def _is_of(subject: Subject, context: ClaimContext, likelihood: Likelihood, batch: int, kind: Pixels = Pixels.BETWEEN) -> bool:
    """Return whether the term is that of a likelihood; not if it fails at outputs that only this likelihood allows."""
    try:
        return reconstruction_fit(subject, likelihood, batch=batch, seed=context.seed, kind=kind).good
    except SubjectFault:
        return False


LOGITS_HINT = "the with-logits loss takes the values before the sigmoid: leave one of the two sigmoids out"
_PLAIN_SUM = "sum the likelihood's own term over all entries, each with weight 1, without a mask or a clamp"
UNMOVED = 1e-9
"""Relative change of the term below which it is float64 rounding of a sum."""
SCALED_OUTPUTS = 9
"""Number of outputs at which a scaled target is fitted: twice its four unknowns plus one, so that no other term fits by chance."""
ALONG = 0.99
"""Least cosine between what lowers the term and the data for a term that falls towards them: rounding leaves 1 - 1e-12."""
STILL = 0.01
"""Least share of the term's slope elsewhere that it has at x_hat = x if it does not compare the output with the data."""
STEPS = (0.1, 0.3, 1.0)
"""Positions between x and another image at which the term is evaluated, besides x itself."""


def _inside(facts: Facts, x: Tensor) -> Tensor:
    """Return images within the range of the likelihood's means: a continuous Bernoulli's mean nears 0 and 1 far slower than its lambda."""
    return 0.1 + 0.8 * x if facts.likelihood is not None and facts.likelihood.continuous_bernoulli else x


def _term(subject: Subject, x_hat: Tensor, x: Tensor) -> float:
    """Return the reconstruction term at an output in data space."""
    codes = torch.zeros(len(x), subject.facts.latent_dim, dtype=torch.float64)
    return float(subject.terms(subject.raw(x_hat), x, codes, codes).reconstruction)


@first_violation
def _examine_order(subject: Subject, context: ClaimContext, batch: int) -> Iterator[Verdict | None]:
    """Check that items are compared with themselves and that the term is least at x_hat = x and grows away from it."""
    facts = subject.facts
    rng = generator(context, batch)
    drawn = (images(Pixels.BETWEEN, batch, facts, rng, torch.float64) for _ in range(2))
    x, other = (_inside(facts, one) for one in drawn)
    matched, shifted = _term(subject, x, x), _term(subject, x.roll(1, 0), x)
    compared: dict[str, Number] = {"order": "shifted <= matched", "matched": matched, "shifted by one item": shifted}
    if abs(shifted - matched) <= UNMOVED * abs(matched):
        yield violation(
            {**compared, "order": "matched = shifted"},
            {"order": "matched < shifted"},
            what="giving every item another item's reconstruction does not change the term: items are not compared with themselves",
            because=Cause("hard-coded-shape", hint="the two shapes broadcast against each other: x_hat.view_as(x) before the loss"),
        )
    values = {"at 0": matched} | {f"at {step:g}": _term(subject, torch.lerp(x, other, step), x) for step in STEPS}
    if not all(later > earlier for earlier, later in pairwise(values.values())):
        yield violation(
            {"order": "not increasing", **values},
            {"order": "increasing"},
            what="the reconstruction term is not least at x_hat = x, or does not grow on the way to another image",
            because=lambda: _cause_of_disorder(subject, context, values["at 0"]),
        )
    if not shifted > matched:
        raised = "giving every item another item's reconstruction does not raise the term"
        yield violation(compared, {"order": "matched < shifted"}, what=raised)


def _out_of_reach(prepared: tuple[float, float]) -> Cause:
    """The cause where the author's own file puts the data into a range that the output does not have."""
    low, high = prepared
    words = f"the file itself puts the data into [{low:.4g}, {high:.4g}], and the decoder's output stays in [0, 1]"
    return Cause("decoder-range", words, "leave the data in [0, 1], or let the decoder end with what reaches their range")


def _cause_of_disorder(subject: Subject, context: ClaimContext, at_x: float) -> Because:
    """Identify why the term is not least at x_hat = x."""
    if subject.facts.prepared is not None:
        return _out_of_reach(subject.facts.prepared)
    if subject.facts.likelihood is Likelihood.BERNOULLI_LOGITS or _with_logits(subject, context):
        return Cause("double-sigmoid", hint=LOGITS_HINT)
    return "data-out-of-range" if at_x < 0 or _scaled_target(subject, context) else None


def _no_likelihood(subject: Subject, context: ClaimContext) -> Verdict:
    """Return the violation for a term that matches no likelihood with the decoder's range; not applicable if no mistake explains it."""
    if subject.facts.prepared is not None:
        cause, expected = _out_of_reach(subject.facts.prepared), "one of " + ", ".join(Likelihood)
    elif _with_logits(subject, context):
        words = "the loss takes logits, but the decoder's output lies in [0, 1] already: the sigmoid is applied twice"
        cause, expected = Cause("double-sigmoid", words, LOGITS_HINT), "bernoulli"
    elif _scaled_target(subject, context):
        words = "it is a Bernoulli's whose target is not x but a multiple of x plus a constant: it leaves [0, 1]"
        hint = "compare the output with the data as the model sees it, in [0, 1], without normalising it"
        cause, expected = Cause("data-out-of-range", words, hint), "bernoulli, of x in [0, 1]"
    elif middle := _other_likelihood(subject, context, BATCHES[0], Pixels.MIDDLE):
        words = f"in the middle of the range it is that of {middle}: some entries are weighted, masked or clamped"
        cause, expected = Cause("weighted-pixels", words, _PLAIN_SUM), str(middle)
    else:
        return not_applicable(
            "the reconstruction term is of a likelihood that the suite does not know: it is least at x_hat = x, grows away from it and"
            " compares item with item; --likelihood declares one that is known"
        )
    return violation(
        {"likelihood": "none known"},
        {"likelihood": expected},
        what="the reconstruction term follows no likelihood that fits the decoder's range",
        because=cause,
    )


def check_reconstruction(subject: Subject, context: ClaimContext) -> Verdict:
    """Check that the term is least at x_hat = x, item by item, and is the likelihood's up to scale and constant."""
    likelihood = subject.facts.likelihood
    examples = min(context.examples, FEW_EXAMPLES)
    unread = likelihood is None and subject.facts.prepared is None and _falls_towards(subject, context)
    if unread and _other_likelihood(subject, context, BATCHES[0]) is None and not _scaled_target(subject, context):
        return not_applicable(
            "the reconstruction term is of a likelihood that the suite does not know: it falls where the output follows the data, but its"
            " output is no value of the data's; --likelihood declares one that is known"
        )
    if counterexample := explore(context, batches_of_several(), lambda batch: _examine_order(subject, context, batch), examples=examples):
        return counterexample
    if likelihood is None:
        return _no_likelihood(subject, context)
    kinds = {Pixels.BETWEEN: "", Pixels.MIXED: ", where x is at an end of its range or the output is near one"}
    fits = {
        (batch, kind): reconstruction_fit(subject, likelihood, batch=batch, seed=context.seed, kind=kind)
        for batch in BATCHES
        for kind in kinds
    }
    for (batch, kind), fit in fits.items():
        if not fit.good:
            other = _other_likelihood(subject, context, batch) if kind is Pixels.BETWEEN else None
            cause = Cause("double-sigmoid" if other is Likelihood.BERNOULLI_LOGITS else None, f"it is that of {other}" if other else "")
            if kind is Pixels.MIXED:
                words = "between the ends of the range it is: some entries are weighted, masked or clamped"
                cause = Cause("weighted-pixels", words, _PLAIN_SUM)
            return violation(
                {"left over by a straight line": fit.residual, "slope": fit.scale},
                {"left over by a straight line": 0.0, "tolerance": FIT_TOLERANCE},
                what=f"the reconstruction term is not the negative log-likelihood of {likelihood} up to a constant{kinds[kind]}",
                where={"batch": batch},
                because=cause,
            )
    return holds(
        f"least at x_hat = x, item by item, and the {likelihood} likelihood's up to a constant",
        measured={
            f"slope at batch {BATCHES[0]}": fits[BATCHES[0], Pixels.BETWEEN].scale,
            "left over": max(fit.residual for fit in fits.values()),
        },
        expected={"left over": 0.0, "tolerance": FIT_TOLERANCE},
        smallest_effect=f"a deviation of {FIT_TOLERANCE:g} of the term's range",
    )


def _falls_towards(subject: Subject, context: ClaimContext) -> bool:
    """Return whether the term of outputs that are no values of the data's falls, from one for all entries, where they follow the data.

    So do scores, rates and other parameters of a likelihood of each entry, such as a multinomial's.
    """
    facts = subject.facts
    rng = generator(context, "falls")
    x = images(Pixels.BETWEEN, 2, facts, rng, torch.float64)
    codes = torch.zeros(2, facts.latent_dim, dtype=torch.float64)
    at_level, at_x = (
        subject.terms_vjp(subject.raw(output), x, codes, codes, of=Term.RECONSTRUCTION).raw[0].flatten(1)
        for output in (torch.full_like(x, 0.5), x)
    )
    if float(at_x.norm()) < STILL * float(at_level.norm()):
        return False  # it is least where the output is the data: it compares the two
    falls, data = at_level.mean(1, keepdim=True) - at_level, x.flatten(1) - x.flatten(1).mean(1, keepdim=True)
    return bool((torch.cosine_similarity(falls, data) > ALONG).all())


def _scaled_target(subject: Subject, context: ClaimContext) -> bool:
    """Return whether the term is a Bernoulli's with target a x + b: linear in the entries of log(x_hat) and log(1 - x_hat)."""
    facts = subject.facts
    rng = generator(context, "scaled target")
    x = images(Pixels.BETWEEN, 2, facts, rng, torch.float64)
    codes = torch.zeros(2, facts.latent_dim, dtype=torch.float64)
    rows, values = [], []
    for _ in range(SCALED_OUTPUTS):
        x_hat = outputs(Pixels.BETWEEN, 2, facts, rng, torch.float64)
        p = (x_hat - facts.input_range[0]) / (facts.input_range[1] - facts.input_range[0])
        logit = torch.logit(p)
        rows.append(torch.stack([(x * logit).sum(), logit.sum(), torch.log1p(-p).sum(), torch.ones((), dtype=torch.float64)]))
        values.append(float(subject.terms((x_hat,), x, codes, codes).reconstruction))
    design, reported = torch.stack(rows), torch.tensor(values, dtype=torch.float64)
    if not bool(torch.isfinite(reported).all()):
        return False
    left = reported - design @ torch.linalg.lstsq(design, reported.unsqueeze(1)).solution.squeeze(1)
    return float(left.abs().max()) < FIT_TOLERANCE * float(reported.max() - reported.min())


def _with_logits(subject: Subject, context: ClaimContext) -> bool:
    return _is_of(subject, context, Likelihood.BERNOULLI_LOGITS, BATCHES[0])


OBJ_03 = Claim(
    id="OBJ-03",
    title="the reconstruction term is a likelihood's",
    level=Level.REQUIRED,
    statement="the reconstruction term is least at x_hat = x, grows as x_hat leaves x, compares item with item, and is the negative"
    " log-likelihood of the declared likelihood up to a constant",
    formula="L_rec(x̂, x) = r · (−log p(x | x̂)) + c,  L_rec(x, x) ≤ L_rec(x̂, x)",
    sources=(notes("objective"), basics("loss")),
    why="The reconstruction term is -log p(x | z). Two sigmoids in a row, data outside the likelihood's range, or an output whose shape"
    " broadcasts against the input's still give a number that falls in training, but its least value is not at a perfect reconstruction."
    " Images are full of exact zeros and ones: a term that weighs, masks or clamps these is no likelihood either.",
    hint="compare x_hat with x entry by entry: give x_hat the shape of x, and use the likelihood that fits the decoder's range",
    decision="orderings on Hypothesis' examples, and a straight-line fit against the likelihood at two batch sizes and two kinds of data:"
    " between the ends of their range, and half of them at these; tolerance 1e-4",
    mistakes=("weighted-pixels", "double-sigmoid", "data-out-of-range", "decoder-range", "hard-coded-shape"),
    needs=(Part.LOSS,),
    check=check_reconstruction,
    rank=30,
    explains=("OBJ-02", "OBJ-05", "TRN-01", "TRN-02", "TRN-07", "REC-01", "COL-01"),
    spends_error_budget=False,
    at_other_sizes=True,
)
