"""OBJ-05: the loss stays finite at extreme values that occur in practice."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import strategies as st

from vae_spec.checks import finite, first_violation
from vae_spec.claim import Claim
from vae_spec.context import ClaimContext
from vae_spec.documents import ENGINEERING
from vae_spec.exploration import for_all, generator
from vae_spec.lazy import torch
from vae_spec.outcomes import Level, Number, Verdict
from vae_spec.strategies import LARGEST_MU, Pixels, images
from vae_spec.subject import Part, Raw, Standing, Subject, SubjectFault, Term

Bounds = tuple[float | None, float | None]
"""The least and the greatest value of an output; None where it is not clamped."""
FAR_OUT = 1e4
"""Standard deviations of latents at which every output has reached the end of its range."""
FAR_CODES = 8
"""Number of latents: enough for an entry to reach each end of its range in at least one of them."""
NEAR_THE_END = 0.01
"""Maximum distance of a clamp from the end of the data's range."""

LEAST_ENTRIES = 3
"""Number of entries with exactly the same value that rules out chance."""
LARGEST_LOGVAR = 60.0
"""exp(88) overflows float32 even in correct code; the sum of a few thousand values of exp(60) does not."""
OUT = 30.0
"""Standard deviations of latents at which a sound decoder's outputs are as saturated as training makes them."""

Extreme = tuple[int, Pixels, Pixels, float]
"""(batch size, pixels, outputs, logvar)."""
extreme_inputs: st.SearchStrategy[Extreme] = st.tuples(
    st.sampled_from([1, 2, 5]),
    st.sampled_from([Pixels.ZEROS, Pixels.ONES, Pixels.BINARY]),
    st.sampled_from([Pixels.ZEROS, Pixels.ONES, Pixels.BINARY]),
    st.floats(-LARGEST_LOGVAR, LARGEST_LOGVAR, allow_nan=False),
)


def _extreme_outputs(subject: Subject, pixels: Pixels, batch: int, rng: torch.Generator, bounds: Bounds) -> Iterator[tuple[str, Raw]]:
    """Yield outputs at the ends of their range, then decoded latents far from the prior's bulk."""
    facts = subject.facts
    ends = images(pixels, batch, facts, rng)
    yield "outputs at the ends of their range", subject.raw(ends.clamp(*bounds) if bounds != (None, None) else ends)
    if facts.parts[Part.DECODE].standing is Standing.PRESENT:
        far = OUT * torch.randn(batch, facts.latent_dim, generator=rng)
        yield f"outputs decoded from codes {OUT:g} standard deviations out", subject.decode(far)


def _clamp(subject: Subject, rng: torch.Generator) -> Bounds:
    """Find the bounds within the data's range that the decoder clamps its output to, as `clamp(1e-6, 1 - 1e-6)` does; None for no clamp.

    A bound is a value that several entries of an image share exactly far out in the latent space.
    """
    facts = subject.facts
    if facts.parts[Part.DECODE].standing is not Standing.PRESENT or (facts.likelihood is not None and facts.likelihood.takes_logits):
        return None, None
    try:
        raw = subject.decode(FAR_OUT * torch.randn(FAR_CODES, facts.latent_dim, generator=rng))[0].flatten(1)
    except SubjectFault:
        return None, None  # decoding such extreme latents is not required
    bounds: list[float | None] = []
    for end, own in zip(facts.input_range, (raw.min(), raw.max()), strict=True):
        entries = int((raw == own).any(0).sum())
        bounds.append(float(own) if entries >= LEAST_ENTRIES and 0 < abs(float(own) - end) < NEAR_THE_END else None)
    return bounds[0], bounds[1]


def check_finite(subject: Subject, context: ClaimContext) -> Verdict:
    """Check that the loss and its gradients are finite at extreme pixels, outputs and log-variances."""
    facts = subject.facts
    has_loss = facts.parts[Part.LOSS].standing is Standing.PRESENT
    bounds = _clamp(subject, generator(context, "far out")) if has_loss else (None, None)

    @first_violation
    def examine(example: Extreme) -> Iterator[Verdict | None]:
        batch, pixels, outputs, level = example
        if not has_loss:
            return
        rng = generator(context, example)
        x = images(pixels, batch, facts, rng)
        mu = LARGEST_MU * torch.randn(batch, facts.latent_dim, generator=rng)
        logvar = torch.full_like(mu, level)
        for outputs_are, raw in _extreme_outputs(subject, outputs, batch, rng, bounds):
            where: dict[str, Number] = {"logvar": level, "where": f"{pixels} pixels, {outputs_are}"}
            terms = subject.terms(raw, x, mu, logvar)
            for name in ("total", "reconstruction", "kl"):
                yield finite(f"the loss ({name})", getattr(terms, name), where=where)
            slopes = subject.terms_vjp(raw, x, mu, logvar, of=Term.TOTAL)
            for name, slope in (("raw", slopes.raw[0]), ("mu", slopes.mu), ("logvar", slopes.logvar)):
                yield finite(f"the loss's gradient with respect to {name}", slope, where=where)

    ends, levels = (Pixels.ZEROS, Pixels.ONES), (-LARGEST_LOGVAR, LARGEST_LOGVAR)
    corners = [(2, pixels, outputs, level) for pixels in ends for outputs in ends for level in levels]
    return for_all(
        context,
        extreme_inputs,
        examine,
        f"loss and gradients are finite for logvar in [-{LARGEST_LOGVAR:g}, {LARGEST_LOGVAR:g}], pixels at both ends, saturated outputs",
        anchors=corners,
        measured={"examples": context.examples + len(corners)},
        smallest_effect="any value that is not finite",
    )


OBJ_05 = Claim(
    id="OBJ-05",
    title="finite at extremes",
    level=Level.REQUIRED,
    statement="the loss and its gradients are finite for pixels at exactly 0 and 1, outputs as far saturated as the decoder lets them be,"
    " and logvar in [-60, 60]",
    sources=(ENGINEERING,),
    why="A logarithm of an exact zero or a squared exponential is rare in a first epoch and certain in a later one: the run then ends in"
    " NaN. float32's exp overflows from 88 on, in correct code too, so more than 60 is not asked.",
    hint="use F.binary_cross_entropy (which bounds its logarithms) or its with-logits form, and exp(logvar) once, not squared",
    decision="Hypothesis over the extremes, and the eight corners always; float32",
    mistakes=("data-out-of-range", "overflow"),
    needs=(Part.LOSS,),
    check=check_finite,
    rank=180,
    spends_error_budget=False,
    at_other_sizes=False,
)
