"""NET-01 and NET-02: shapes, ranges, determinism and dependence of the encoder and the decoder."""

from __future__ import annotations

import math
from collections.abc import Iterator

from vae_spec.checks import Cause, alike, at_most, finite, first_violation, positive, same, unchanged, violation
from vae_spec.claim import Claim
from vae_spec.context import ClaimContext
from vae_spec.documents import basics, notes
from vae_spec.exploration import explore, generator
from vae_spec.lazy import Tensor, st, torch
from vae_spec.outcomes import Level, Verdict, holds
from vae_spec.strategies import Pixels, batch_sizes, images, pixel_kinds
from vae_spec.subject import Mode, Part, Standing, Subject

CLOSE = 1e-4
"""Relative difference allowed between float32 sums in different orders."""
ROUNDING = 1e-7
"""Relative float32 resolution: means of different images that differ by no more than this are equal."""
WIDE = 3.0
"""Standard deviations of the latents at which a decoder is probed: as far out as prior samples reach."""
CODES = 64
"""Number of latents decoded at once: an output entry or latent dimension that has no effect for any of them is dead."""
DEAD_SHARE = 0.25
"""Largest allowed share of dead output entries: images with a black border have some, a ReLU kills half before training."""
TIED = 1e-2
"""Least spread of the outputs' sums relative to an entry's spread, if entries are independent. A softmax leaves only rounding, 1e-7."""


def batches_of_images() -> st.SearchStrategy[tuple[int, Pixels]]:
    """Draw (batch size, kind of pixels)."""
    return st.tuples(batch_sizes(), pixel_kinds())


def probe_images(subject: Subject, context: ClaimContext, batch: int, kind: Pixels, *labels: object) -> Tensor:
    """Return a batch of images of a kind with the subject's shape and range, seeded by the context and the labels."""
    facts = subject.facts
    return images(kind, batch, facts, generator(context, batch, kind, *labels))


# NET-01 ---------------------------------------------------------------------------------------------------------------------------------


def check_encoder(subject: Subject, context: ClaimContext) -> Verdict:
    """Check the encoder's shapes, finite values, determinism in eval mode and independence between items."""
    d = subject.facts.latent_dim

    @first_violation
    def examine(example: tuple[int, Pixels]) -> Iterator[Verdict | None]:
        batch, kind = example
        x = probe_images(subject, context, batch, kind)
        there = subject.posterior(x, seed=1)
        for name, value in (("mu", there.mu), ("logvar", there.logvar)):
            yield same(f"shape of {name}", str(tuple(value.shape)), str((batch, d)), because="batch-size-frozen")
            yield finite(name, value, where={"pixels": str(kind)})
        again = subject.posterior(x, seed=2)
        random = Cause(hint="leave the noise to the sampling step; in eval mode dropout is off")
        for one, other in ((there.mu, again.mu), (there.logvar, again.logvar)):
            yield unchanged([one], [other], what="in eval mode the encoder gives different codes for the same input", because=random)
        # Six others make the item's share of any batch average small.
        mixed = torch.cat([x[-1:], probe_images(subject, context, 6, Pixels.MIXED, "others")])
        alone, among = subject.posterior(x[-1:]), subject.posterior(mixed)
        for name, single, all_of_them in (("mu", alone.mu, among.mu), ("logvar", alone.logvar, among.logvar)):
            yield alike(
                all_of_them[:1],
                single,
                CLOSE,
                scale=float(all_of_them.abs().max()),
                what=f"in eval mode an item's {name} depends on the other items of the batch",
                because="batch-coupled-encoder",
            )

    if counterexample := explore(context, batches_of_images(), examine):
        return counterexample
    # Several images of two kinds, so that only a constant encoder gives equal means.
    different = torch.cat([probe_images(subject, context, 8, kind) for kind in (Pixels.BETWEEN, Pixels.BINARY)])
    codes = subject.posterior(different).mu
    return positive(
        "largest difference of mu",
        float((codes - codes[:1]).abs().max()),
        beyond=ROUNDING * float(codes.abs().max()),
        what="different images get the same code: mu does not depend on the input",
        because=Cause("encoder-ignores-x", hint="feed x through the encoder"),
    ) or holds(
        "mu and logvar of the right shape, finite, deterministic in eval, each item's own",
        measured={"examples": context.examples, "latent_dim": d},
        smallest_effect=f"a relative difference of {CLOSE:g}",
    )


NET_01 = Claim(
    id="NET-01",
    title="the encoder gives each item its code",
    level=Level.REQUIRED,
    statement="encode gives mu and logvar of shape (batch, latent_dim), finite, deterministic in eval mode, and each item's code depends on"
    " that item and, in eval mode, on no other",
    formula="encode(x)ᵢ = encode(xᵢ)",
    sources=(notes("objective"), basics("flow")),
    why="q(z|x) is a distribution for each x. A code that changes with the batch it is computed in is no function of x.",
    hint="take the batch size from x, and normalise with statistics that eval mode freezes",
    decision="Hypothesis over batch sizes from 1 and kinds of pixels; relative tolerance 1e-4",
    mistakes=("batch-coupled-encoder", "encoder-ignores-x", "batch-size-frozen", "cuda-always"),
    needs=(Part.POSTERIOR,),
    check=check_encoder,
    rank=20,
    explains=("NET-03", "TRN-01", "TRN-02", "REC-01", "COL-01"),
    spends_error_budget=False,
    at_other_sizes=True,
)

# NET-02 ---------------------------------------------------------------------------------------------------------------------------------


def _range_of(subject: Subject) -> tuple[float, float] | None:
    """Return the range of the means of the likelihood; None if they may be any number."""
    likelihood = subject.facts.likelihood
    if likelihood is None or not (likelihood.of_unit_data or likelihood.of_counts):
        return None
    return 0.0, 1.0 if likelihood.of_unit_data else math.inf


@first_violation
def _check_dependence(subject: Subject, context: ClaimContext) -> Iterator[Verdict | None]:
    """Check that every latent dimension matters, nearly every output entry varies, and a Bernoulli decoder reaches both sides of 0.5."""
    d = subject.facts.latent_dim
    z = WIDE * torch.randn(CODES, d, generator=generator(context, "wide"))
    yield finite("output", subject.decode(z)[0], where={"standard deviations of the codes": WIDE})
    # At its initial running statistics a BatchNorm before a ReLU may hold what moves in training: then it is asked as it is trained.
    mode = Mode.EVAL if _still(subject, z / WIDE, Mode.EVAL) <= DEAD_SHARE else Mode.TRAIN
    near, still = subject.decode(z / WIDE, mode=mode)[0].flatten(1), _still(subject, z / WIDE, mode)
    rectified = "a ReLU at the output kills entries for good: end with a sigmoid, or with a linear layer"
    yield at_most(
        "share of entries that never move",
        still,
        DEAD_SHARE,
        what="entries of the output are the same for every code",
        because=Cause("decoder-ignores-z", hint="feed z through the decoder") if still == 1 else Cause("decoder-range", hint=rectified),
    )
    yield _check_tied(near)
    cotangent = torch.randn(subject.decode(z)[0].shape, generator=generator(context, "cotangent"))
    slope = subject.decode_vjp(z, cotangent, mode=mode)
    yield same(
        "differentiable", slope is not None, expected=True, what="decode gives z no gradient from the output", because="decoder-ignores-z"
    )
    if slope is None:
        return
    yield same(
        "dimensions without influence",
        int((slope.abs().amax(0) == 0).sum()),
        0,
        where={"latent dimensions": d},
        because="decoder-ignores-z",
    )
    if _range_of(subject) == (0.0, 1.0):
        x_hat = subject.data(subject.decode(10 * z, mode=mode))  # far enough for every entry to reach the end of its range
        least, greatest = float(x_hat.min()), float(x_hat.max())
        if not least < 0.5 < greatest:
            yield violation(
                {"range": f"[{least:.4g}, {greatest:.4g}]", "least": least, "greatest": greatest},
                {"range": "both sides of 0.5"},
                what="over codes far and wide the output cannot reach both black and white",
                because=Cause(
                    "double-sigmoid" if least >= 0.5 else "decoder-range", hint="no activation between the last layer and the sigmoid"
                ),
            )
    if subject.facts.parts[Part.TRAINING].standing is Standing.PRESENT:
        yield at_most(
            "share of entries at the least value",
            float((near == near.min()).double().mean()),
            DEAD_SHARE,
            what="entries of the output have no gradient before anything is learned",
            where={"least value": float(near.min())},
            because=Cause("decoder-range", hint=rectified),
        )


def _still(subject: Subject, z: Tensor, mode: Mode) -> float:
    """Return the share of output entries that are the same for all latents."""
    raw = subject.decode(z, mode=mode)[0].flatten(1)
    return float((raw.amax(0) == raw.amin(0)).double().mean())


def _check_tied(outputs: Tensor) -> Verdict | None:
    """Return the violation if all outputs are nonnegative and have the same sum over entries, as after a softmax; else None."""
    sums = outputs.double().sum(1)
    spread, of_an_entry = float(sums.max() - sums.min()), float((outputs.amax(0) - outputs.amin(0)).mean())
    if outputs.shape[1] < 2 or float(outputs.min()) < 0 or spread > TIED * of_an_entry:
        return None
    tied = "a softmax makes the entries of an image compete for one total: each has a probability of its own, by a sigmoid"
    return violation(
        {"spread of the sums": spread, "spread of an entry": of_an_entry},
        {"spread of the sums": "more than that of an entry"},
        what=f"the entries of every output add up to {float(sums.mean()):.4g}, whatever the code",
        because=Cause("decoder-range", hint=tied),
    )


def check_decoder(subject: Subject, context: ClaimContext) -> Verdict:
    """Check the decoder's shapes, range, determinism in eval mode and dependence on z."""
    bounds = _range_of(subject)

    @first_violation
    def examine(example: tuple[int, float]) -> Iterator[Verdict | None]:
        batch, width = example
        z = width * torch.randn(batch, subject.facts.latent_dim, generator=generator(context, example))
        raw = subject.decode(z, seed=1)
        x_hat = subject.data(raw)
        wanted = (batch, *subject.facts.input_shape)
        yield same("shape of the output", str(tuple(x_hat.shape)), str(wanted), because="hard-coded-shape")
        least, greatest = float(x_hat.min()), float(x_hat.max())
        if bounds and not (least >= bounds[0] and greatest <= bounds[1]):
            yield violation(
                {"range": f"[{least:.4g}, {greatest:.4g}]", "least": least, "greatest": greatest},
                {"range": f"[{bounds[0]:g}, {bounds[1]:g}]"},
                what=f"the output leaves the range of the {subject.facts.likelihood} likelihood",
                because="decoder-range",
            )
        yield unchanged(raw, subject.decode(z, seed=2), what="in eval mode the decoder gives different outputs for the same code")

    if counterexample := explore(context, st.tuples(batch_sizes(), st.floats(0, 5, allow_nan=False)), examine):
        return counterexample
    return _check_dependence(subject, context) or holds(
        "the input's shape, the likelihood's range, deterministic in eval, moved by every latent dimension",
        measured={"examples": context.examples},
        smallest_effect="one latent dimension without influence",
    )


NET_02 = Claim(
    id="NET-02",
    title="the decoder gives data from codes",
    level=Level.REQUIRED,
    statement="decode gives the input's shape within the likelihood's range, deterministically in eval mode, and every latent dimension"
    " moves it",
    formula="∂decode(z)/∂zⱼ ≠ 0 for every j",
    sources=(notes("13.4.3"), basics("flow")),
    why="New samples are decoded from codes alone. An output that cannot reach black or white, or that ignores a code, cannot look like"
    " data.",
    hint="end the decoder with what the likelihood needs (a sigmoid for data in [0, 1]) and give the output the input's shape",
    decision="Hypothesis over batch sizes and widths of codes, exact; gradients and spread over 64 codes three standard deviations wide;"
    " untrained, at most a quarter of the entries at the least value",
    mistakes=("not-a-module", "decoder-range", "decoder-ignores-z", "double-sigmoid", "hard-coded-shape", "batch-size-frozen"),
    needs=(Part.DECODE,),
    check=check_decoder,
    rank=40,
    explains=("NET-03", "TRN-01", "TRN-02", "REC-01", "COL-01", "TOY-01", "TOY-03", "TOY-04"),
    spends_error_budget=False,
    at_other_sizes=True,
)
