"""SMP-06, REC-04 and INT-04: what an implementation's own methods give is what decode makes of the right latents."""

from __future__ import annotations

from functools import partial

from vae_spec.checks import Cause, alike, at_most, relative_difference, violation
from vae_spec.claim import Claim
from vae_spec.claims.forward import teacher_forced
from vae_spec.claims.networks import CLOSE, probe_images
from vae_spec.context import ClaimContext
from vae_spec.documents import basics, notes
from vae_spec.exploration import generator
from vae_spec.lazy import Tensor, torch
from vae_spec.outcomes import Level, Verdict, holds, not_applicable
from vae_spec.strategies import Pixels
from vae_spec.subject import Mode, Noise, OwnPurpose, OwnSamples, Part, Standing, Subject, SubjectFault

FEW = 16
"""Number of samples that are compared entry by entry."""
APART = 1e-3
"""Two values of an entry count as different from this share of their range on."""
TURNED_SHARE = 0.01
"""Share of the pairs of an entry's values that may be in the other order: rounding turns few."""
FEW_VALUES = 1 / 16
"""Share of the values up to which they are so few different ones that they were drawn, as counts are, or thresholded."""
AGREES = 0.2
"""Least rank correlation of drawn pixels with their means."""

_AS_DECODED = "return what decode gives, at most clamped, rescaled or thresholded"


def _shows(subject: Subject, own: OwnSamples, codes: Tensor) -> Verdict | None:
    """Check that what a method gives grows with what decode makes of its latents, entry by entry; None if it cannot be compared.

    A method may clamp, rescale, threshold or draw: all that keeps the order of an entry's values, the last one on average.
    """
    x_hat = subject.data(subject.decode(codes.to(torch.float32))).flatten(1).double()
    if own.images is None or own.images.numel() != x_hat.numel():
        return None
    given = own.images.reshape(x_hat.shape).double()
    turned = _turned(x_hat, given)
    # What is drawn, or thresholded, follows the means only on average.
    few = torch.unique(given).numel() <= FEW_VALUES * given.numel()
    drawn = turned < 1 / 2 and (few or _correlation(x_hat, given) > AGREES)
    words = "what it gives falls where the decoder's output rises: it is inverted" if turned > 1 - TURNED_SHARE else ""
    return at_most(
        "share of values in another order",
        turned,
        1 / 2 if drawn else TURNED_SHARE,
        what=f"{own.method} does not give what decode makes of its latents",
        because=Cause("own-method", words, _AS_DECODED),
    )


def _turned(x_hat: Tensor, given: Tensor) -> float:
    """Return the share of pairs of values of an entry whose order in the images is not that of the decoder's output."""
    there, here = (one.unsqueeze(0) - one.unsqueeze(1) for one in (x_hat, given))
    apart = there.abs() > APART * (x_hat.amax() - x_hat.amin())
    turned = (there * here < 0) & (here.abs() > APART * (given.amax(0) - given.amin(0)))
    return float((turned & apart).double().sum() / apart.double().sum().clamp_min(1))


def _correlation(x_hat: Tensor, given: Tensor) -> float:
    ranks = [one.flatten().argsort().argsort().double() for one in (x_hat, given)]
    return float(torch.corrcoef(torch.stack(ranks))[0, 1])


def check_samples_shown(subject: Subject, context: ClaimContext) -> Verdict:
    """Check that the sampling method gives what decode makes of its latents."""
    own = subject.own_samples(FEW, Noise(seed=context.rng_seed("samples")))
    if own is None or own.codes is None:
        return not_applicable("it has no method of its own that gives samples by way of decode")
    if own.images is None:
        return not_applicable(f"{own.method} does not give a tensor")
    return _shows(subject, own, own.codes) or holds(
        f"{own.method} gives what decode makes of its latents",
        measured={"samples": len(own.codes)},
        smallest_effect=f"{TURNED_SHARE:.0%} of the entries in another order",
    )


SMP_06 = Claim(
    id="SMP-06",
    title="its own samples are what it decodes",
    level=Level.EXPECTED,
    statement="where an implementation has a method of its own that gives samples, these are what decode makes of the latents, at most"
    " clamped, rescaled, thresholded or drawn",
    formula="sample() = decode(z), entry by entry in the same order",
    sources=(notes("13.4.3"),),
    why="People judge a VAE by what its own method shows them. Images that are inverted, or of other latents, do not show it.",
    hint=_AS_DECODED,
    decision="order of each entry's values in 16 samples: at most 1 % of the pairs turned; of pixels that are drawn, less than half",
    mistakes=("own-method",),
    needs=(Part.DECODE,),
    check=check_samples_shown,
    applies=teacher_forced,
    rank=231,
    spends_error_budget=False,
    at_other_sizes=False,
)


def check_reconstructions(subject: Subject, context: ClaimContext) -> Verdict:
    """Check that the method of reconstruction decodes the latents of what it is given."""
    x = probe_images(subject, context, FEW, Pixels.MIXED)
    eps = torch.randn(FEW, subject.facts.latent_dim, generator=generator(context, "noise"))
    own = _called(subject, OwnPurpose.RECONSTRUCTION, [x], Noise(given=eps))
    if own is None or own.codes is None or len(own.codes) != FEW:
        return not_applicable("it has no method of its own that reconstructs a batch by way of decode")
    there = subject.posterior(x)
    if alike(own.codes, there.mu, CLOSE) is not None:
        # Whether the sampling step itself is right is for other claims to say.
        drawn = [there.mu + torch.exp(0.5 * there.logvar) * eps.to(there.mu)]
        if subject.facts.parts[Part.DRAW].standing is Standing.PRESENT:
            drawn += [subject.draw(there.mu, there.logvar, Noise(given=eps), mode=mode) for mode in Mode]
        nearest = min(drawn, key=partial(relative_difference, own.codes))
        bad = alike(
            own.codes,
            nearest,
            CLOSE,
            what=f"the latents that {own.method} decodes are neither the means of what it is given nor draws around them",
            because=Cause("own-method", hint="encode x, and decode mu or a draw from N(mu, sigma)"),
        )
        if bad is not None:
            return bad
    return _shows(subject, own, own.codes) or holds(
        f"{own.method} decodes the latents of what it is given",
        measured={"items": FEW},
        smallest_effect=f"a relative difference of {CLOSE:g} of the latents",
    )


def _called(subject: Subject, purpose: OwnPurpose, items: list[Tensor], noise: Noise) -> OwnSamples | None:
    """Return what the method does; None if there is none, or if it does not take what it is given."""
    try:
        return subject.own_method(purpose, items, noise)
    except SubjectFault:
        return None


REC_04 = Claim(
    id="REC-04",
    title="its own reconstructions are of x",
    level=Level.EXPECTED,
    statement="where an implementation has a method of its own that reconstructs a batch, it decodes the means of its items, or draws"
    " around them",
    formula="reconstruct(x) = decode(mu(x))  or  decode(mu(x) + sigma(x) · eps)",
    sources=(notes("13.4.2"), basics("diagnostics")),
    why="Reconstructions are usually looked at first. A method that decodes anything else shows nothing about what the model encodes.",
    hint="encode x, and decode mu or a draw from N(mu, sigma)",
    decision="identity of the latents that reach decode, under a given noise in eval mode; relative tolerance 1e-4; then the order of"
    " entries",
    mistakes=("own-method",),
    needs=(Part.POSTERIOR, Part.DECODE),
    check=check_reconstructions,
    applies=teacher_forced,
    rank=232,
    spends_error_budget=False,
    at_other_sizes=False,
)


def check_interpolations(subject: Subject, context: ClaimContext) -> Verdict:
    """Check that the method of interpolation decodes latents from one item's to the other's."""
    first, last = (probe_images(subject, context, 1, Pixels.MIXED, name) for name in ("first", "last"))
    own = _called(subject, OwnPurpose.INTERPOLATION, [first, last], Noise.none())
    if own is None:
        return not_applicable("it has no method of its own that interpolates between two items")
    means = torch.cat([subject.posterior(one, mode=Mode.EVAL).mu for one in (first, last)])
    if own.codes is None or len(own.codes) < 2:
        decodes = Cause("own-method", "the images are mixed, not their latents", "decode((1 - t) * mu_1 + t * mu_2)")
        return violation(
            {"latents decoded": 0 if own.codes is None else len(own.codes)},
            {"latents decoded": ">= 2"},
            what=f"{own.method} interpolates without decoding a line of latents",
            because=decodes,
        )
    return alike(
        own.codes[[0, -1]],
        means,
        CLOSE,
        what=f"the latents that {own.method} decodes do not lead from one item's mean to the other's",
        because=Cause("own-method", hint="decode((1 - t) * mu_1 + t * mu_2) for t from 0 to 1"),
    ) or holds(
        f"{own.method} decodes latents from one item's mean to the other's",
        measured={"latents": len(own.codes)},
        smallest_effect=f"a relative difference of {CLOSE:g} at the ends",
    )


INT_04 = Claim(
    id="INT-04",
    title="its own interpolations run between latents",
    level=Level.EXPECTED,
    statement="where an implementation has a method of its own that interpolates between two items, it decodes latents that lead from the"
    " mean of the one to that of the other",
    formula="z₀ = mu(x₁),  z₁ = mu(x₂)",
    sources=(notes("13.4.5"),),
    why="An interpolation shows what lies between two items in latent space. A mixture of the two images does not, and needs no model.",
    hint="decode((1 - t) * mu_1 + t * mu_2) for t from 0 to 1",
    decision="identity of the first and the last latent that reach decode, in eval mode without noise; relative tolerance 1e-4",
    mistakes=("own-method",),
    needs=(Part.POSTERIOR, Part.DECODE),
    check=check_interpolations,
    applies=teacher_forced,
    rank=233,
    spends_error_budget=False,
    at_other_sizes=False,
)
