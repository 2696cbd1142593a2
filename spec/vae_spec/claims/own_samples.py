"""SMP-05: an implementation's own method of sampling decodes draws from the prior."""

from __future__ import annotations

import math

import torch

from vae_spec.claim import Claim
from vae_spec.claims.sampling import standard_normal_pivots
from vae_spec.documents import notes
from vae_spec.outcomes import Level, Verdict, holds, not_applicable, violated
from vae_spec.statistics.pivots import Pivot
from vae_spec.statistics.two_stage import decide, smallest_mean_shift, smallest_scale_error
from vae_spec.subject import Noise, OwnSamples, Part, Standing, Subject
from vae_spec.trial import Trial

DRAWS = 8192
"""Entries of all codes together in the screen."""
LEAST_CODES = 64
PIVOTS = 5
FEW = 16
"""Codes that are enough to see whether the network's weights take part in them."""
CLOSE = 1e-5
"""Relative: the same noise under the same seed is the same to the last bit, but for a cast."""
_ENCODED = "the codes come out of the encoder: samples are made by encoding something, not by drawing z from N(0, I)"


def _through_the_network(subject: Subject, trial: Trial) -> Verdict | None:
    """A draw from the prior is the same under one seed whatever the weights are; a code that the encoder made is not.

    An encoder that was never trained gives mu and logvar near 0, so that its codes look like N(0, I): no statistics tells them apart.
    """
    noise = Noise(seed=trial.rng_seed("weights"))
    first, again, other = (_ask(subject, FEW, noise, fresh=trial.rng_seed("fresh", index)) for index in (0, 0, 1))
    if first.codes is None or again.codes is None or other.codes is None:
        return None
    rebuilt = subject.facts.parts[Part.TRAINING].standing is Standing.PRESENT
    if rebuilt and first.codes.shape == again.codes.shape and torch.equal(first.codes, again.codes):
        difference = _difference(first, other)
        if difference <= CLOSE:
            return None
        return violated(
            f"under one seed the codes that {first.method} decodes change with the network's weights"
            + (f"\n{_ENCODED}" if first.encoded else ""),
            measured={"difference between two initialisations, relative": difference, "encoder ran": first.encoded},
            expected={"difference between two initialisations, relative": 0.0},
            diagnosis="sample-by-encoding-noise" if first.encoded else None,
        )
    if not rebuilt and first.encoded:
        return violated(
            f"{first.method} runs the encoder\n{_ENCODED}",
            measured={"encoder ran": True},
            expected={"encoder ran": False},
            diagnosis="sample-by-encoding-noise",
        )
    return None


def _difference(first: OwnSamples, other: OwnSamples) -> float:
    if first.codes is None or other.codes is None or first.codes.shape != other.codes.shape:
        return math.inf
    return float((first.codes - other.codes).abs().max() / first.codes.abs().max().clamp_min(1e-12))


def _ask(subject: Subject, count: int, noise: Noise, fresh: int | None = None) -> OwnSamples:
    return subject.own_samples(count, noise, fresh=fresh) or OwnSamples("", None, encoded=False)


def check_own_samples(subject: Subject, trial: Trial) -> Verdict:
    """The decoded codes are standard normal, and the network has no part in them."""
    own = subject.own_samples(FEW, Noise(seed=trial.rng_seed("look")))
    if own is None:
        return not_applicable("it has no method of its own that takes a count and gives samples")
    if own.codes is None:
        return not_applicable(f"the codes of {own.method} cannot be seen: they do not go through decode")
    if bad := _through_the_network(subject, trial):
        return bad
    d = subject.facts.latent_dim
    rows = max(LEAST_CODES, math.ceil(DRAWS / d))

    def measure(draws: int, stage: int) -> list[Pivot]:
        codes = _ask(subject, draws // d, Noise(seed=trial.rng_seed("codes", stage))).codes
        return [] if codes is None else standard_normal_pivots(codes.double().numpy(force=True))

    decision = decide(measure, draws=rows * d, level=trial.level)
    if decision.rejected:
        pivot = decision.pivot
        uniform = _is_uniform(measure(rows * d, 3))
        return violated(
            f"the {pivot.name} of the codes that {own.method} decodes is {pivot.value:.4g}, not {pivot.expected:g}"
            f" (p = {pivot.p:.1g}, n = {decision.draws})"
            + ("\na mean near 0.5 is uniform noise: rand where randn belongs" if uniform else "")
            + (f"\n{_ENCODED}" if own.encoded else ""),
            measured={pivot.name: pivot.value, "p": pivot.p, "n": decision.draws, "encoder ran": own.encoded},
            expected={pivot.name: pivot.expected, "level": trial.level},
            diagnosis="sample-by-encoding-noise" if own.encoded else "eps-from-rand" if uniform else None,
        )
    scale = smallest_scale_error(draws=rows * d, level=trial.level / PIVOTS, examples=1)
    shift = smallest_mean_shift(draws=rows * d, level=trial.level / PIVOTS, examples=1)
    return holds(
        f"{own.method} decodes draws from N(0, I)",
        measured={"codes": rows, "encoder ran": own.encoded},
        expected={"level": trial.level},
        smallest_effect=f"a {scale:.1%} error of sigma or a shift of {shift:.3f}, with probability 0.99",
    )


def _is_uniform(pivots: list[Pivot]) -> bool:
    return any(pivot.name == "mean" and abs(pivot.value - 0.5) < 0.05 for pivot in pivots)


SMP_05 = Claim(
    id="SMP-05",
    title="its own samples come from the prior",
    level=Level.EXPECTED,
    statement="where an implementation has a method of its own that gives samples, the codes that it decodes are draws from N(0, I)",
    formula="z ~ N(0, I),  x̂ = decode(z)",
    sources=(notes("13.4.3"),),
    why="New images are decoded from z ~ N(0, I): that is what the KL made the latent space for. A model whose loss is right can still come"
    " with a method that draws from something else: that encodes a random image, say, and shows reconstructions of noise. Few public"
    " VAEs have such a method, and no training curve depends on it.",
    hint="return self.decode(torch.randn(count, self.latent_dim))",
    decision="exact pivots (normal, chi-squared, Dvoretzky-Kiefer-Wolfowitz, conditional normal) in two stages on the codes that reach"
    " decode; and an identity: under one seed they are the same for any weights. Not applicable without a method that takes a count, or"
    " where it does not go through decode",
    mistakes=("sample-by-encoding-noise", "eps-from-rand"),
    needs=(Part.DECODE,),
    check=check_own_samples,
    rank=230,
    spends_error_budget=True,
    at_other_sizes=False,
)
