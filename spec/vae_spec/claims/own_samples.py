"""SMP-05: an implementation's own method of sampling decodes fresh draws from the prior."""

from __future__ import annotations

import math

from vae_spec.checks import Cause, close, likely, same
from vae_spec.claim import Claim
from vae_spec.claims.networks import probe_images
from vae_spec.claims.noise import explain_noise, smallest_noise_error, standard_normal_pivots
from vae_spec.claims.sampling import UNUSED_STAGE
from vae_spec.context import ClaimContext
from vae_spec.documents import notes
from vae_spec.lazy import Tensor, torch
from vae_spec.outcomes import Level, Verdict, holds, not_applicable
from vae_spec.statistics.pivots import Pivot
from vae_spec.statistics.two_stage import decide
from vae_spec.strategies import Pixels
from vae_spec.subject import Noise, OwnSamples, Part, Standing, Subject

DRAWS = 8192
"""Number of latent entries in the screen."""
LEAST_CODES = 64
"""Least number of latents, whatever their dimension: their halves are compared with each other."""
FEW = 16
"""Number of latents that suffices to see whether they depend on the network's weights."""
CLOSE = 1e-5
"""Relative tolerance: under the same seed the noise is identical to the last bit, except for a cast."""
_ENCODED = "the codes come out of the encoder: samples are made by encoding something, not by drawing z from N(0, I)"


def _through_the_network(subject: Subject, context: ClaimContext) -> Verdict | None:
    """Check that under one seed the latents are the same for any weights, as prior draws are and encoded latents are not.

    An untrained encoder gives mu and logvar near 0, so no statistical test can distinguish its latents from N(0, I).
    """
    noise = Noise(seed=context.rng_seed("weights"))
    first, again, other = (_ask(subject, FEW, noise, fresh=context.rng_seed("fresh", index)) for index in (0, 0, 1))
    if first.codes is None or again.codes is None or other.codes is None:
        return None
    rebuilt = subject.facts.parts[Part.TRAINING].standing is Standing.PRESENT
    cause = Cause("sample-by-encoding-noise", _ENCODED) if first.encoded else None
    if rebuilt and first.codes.shape == again.codes.shape and torch.equal(first.codes, again.codes):
        return close(
            "difference between two initialisations, relative",
            _difference(first, other),
            0.0,
            CLOSE,
            what=f"under one seed the codes that {first.method} decodes change with the network's weights",
            where={"encoder ran": first.encoded},
            because=cause,
        )
    return None if rebuilt else same("encoder ran", first.encoded, expected=False, what=f"{first.method} runs the encoder", because=cause)


def _fresh(own: OwnSamples, again: Tensor | None) -> Verdict | None:
    """Check that two calls decode different latents, and that a call leaves the parameters trainable."""
    repeated = own.codes is not None and again is not None and own.codes.shape == again.shape and torch.equal(own.codes, again)
    seeded = Cause("eps-shared", "a seed is set inside, or the noise is kept", "leave the seed to the caller: no torch.manual_seed inside")
    thawed = Cause(None, f"it changes {', '.join(own.changed)}", "use torch.no_grad() around the call, and leave the model as it was")
    return same("latents of two calls", "equal" if repeated else "different", "different", because=seeded) or same(
        "changes of the model", len(own.changed), 0, what=f"{own.method} leaves the model changed", because=thawed
    )


def _left_by_forward(subject: Subject, context: ClaimContext) -> Verdict | None:
    """Check that under one seed the latents are the same whatever batch has gone through forward before."""
    if subject.facts.parts[Part.FORWARD].standing is not Standing.PRESENT:
        return None
    found, noise = [], Noise(seed=context.rng_seed("left"))
    for kind in (Pixels.ZEROS, Pixels.BETWEEN):
        subject.forward(probe_images(subject, context, FEW, kind), Noise(seed=context.rng_seed("before")))
        found.append(_ask(subject, FEW, noise))
    if _difference(_ask(subject, FEW, noise), found[-1]) > 0:
        return None  # no seed reaches its noise
    return close(
        "difference after two batches, relative",
        0.0 if found[0].codes is None else _difference(*found),
        0.0,
        CLOSE,
        what=f"under one seed the codes that {found[0].method} decodes depend on the batch that went through forward before",
        because=Cause("sample-by-encoding-noise", "what forward has left on the model is decoded: samples are those of the last batch"),
    )


def _difference(first: OwnSamples, other: OwnSamples) -> float:
    if first.codes is None or other.codes is None or first.codes.shape != other.codes.shape:
        return math.inf
    return float((first.codes - other.codes).abs().max() / first.codes.abs().max().clamp_min(1e-12))


def _ask(subject: Subject, count: int, noise: Noise, fresh: int | None = None) -> OwnSamples:
    return subject.own_samples(count, noise, fresh=fresh) or OwnSamples("", None, encoded=False)


def check_own_samples(subject: Subject, context: ClaimContext) -> Verdict:
    """Check that the decoded latents are standard normal and do not depend on the network."""
    own = subject.own_samples(FEW, Noise(seed=context.rng_seed("look")))
    if own is None:
        return not_applicable("it has no method of its own that gives samples and needs no more than their number")
    if own.codes is None:
        return not_applicable(f"the codes of {own.method} cannot be seen: they do not go through decode")
    again = _ask(subject, FEW, Noise(seed=context.rng_seed("look again"))).codes
    if bad := _fresh(own, again) or _left_by_forward(subject, context) or _through_the_network(subject, context):
        return bad
    d = subject.facts.latent_dim
    draws = max(LEAST_CODES, math.ceil(DRAWS / d)) * d

    def measure(draws: int, stage: int) -> list[Pivot]:
        codes = _ask(subject, draws // d, Noise(seed=context.rng_seed("codes", stage))).codes
        return standard_normal_pivots((torch.zeros(4, d) if codes is None else codes).double().numpy(force=True))

    decision = decide(measure, draws=draws, level=context.level)

    def cause() -> Cause:
        return Cause("sample-by-encoding-noise", _ENCODED) if own.encoded else explain_noise(decision.pivot, measure(draws, UNUSED_STAGE))

    return likely(
        decision,
        context.level,
        what=f"the codes that {own.method} decodes are no draws from N(0, I)",
        where={"encoder ran": own.encoded},
        because=cause,
    ) or holds(
        f"{own.method} decodes draws from N(0, I)",
        measured={"codes": draws // d, "encoder ran": own.encoded},
        expected={"level": context.level},
        smallest_effect=smallest_noise_error(draws=draws, level=context.level, examples=1),
    )


SMP_05 = Claim(
    id="SMP-05",
    title="its own samples come from the prior",
    level=Level.EXPECTED,
    statement="where an implementation has a method of its own that gives samples, the codes that it decodes are draws from N(0, I), fresh"
    " in each call",
    formula="z ~ N(0, I),  x̂ = decode(z)",
    sources=(notes("13.4.3"),),
    why="New images are decoded from z ~ N(0, I): that is what the KL made the latent space for. A model whose loss is right can still come"
    " with a method that draws from something else: that encodes a random image, say, and shows reconstructions of noise. Few public"
    " VAEs have such a method, and no training curve depends on it.",
    hint="return self.decode(torch.randn(count, self.latent_dim))",
    decision="exact pivots (normal, chi-squared, Dvoretzky-Kiefer-Wolfowitz, conditional normal) in two stages on the codes that reach"
    " decode, with the method's defaults as they are; and identities: under one seed they are the same for any weights, under two they"
    " differ. Not applicable without such a method, or where it does not go through decode",
    mistakes=("sample-by-encoding-noise", "eps-from-rand", "eps-shrunk", "eps-shared"),
    needs=(Part.DECODE,),
    check=check_own_samples,
    rank=230,
    spends_error_budget=True,
    at_other_sizes=False,
)
