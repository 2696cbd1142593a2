"""NET: what encoder, decoder and the forward pass have to do with each other."""

from __future__ import annotations

import torch
from hypothesis import strategies as st
from torch import Tensor

from vae_spec.claim import Claim
from vae_spec.documents import basics, notes
from vae_spec.exploration import explore, generator
from vae_spec.outcomes import Level, Verdict, holds, violated
from vae_spec.strategies import Pixels, batch_sizes, images, pixel_kinds
from vae_spec.subject import Part, Standing, Subject
from vae_spec.trial import Trial

CLOSE = 1e-4
"""Relative: what float32 sums in another order may differ by."""

batches_of_images = st.tuples(batch_sizes, pixel_kinds)


def probe_images(subject: Subject, trial: Trial, batch: int, kind: Pixels, *labels: object) -> Tensor:
    """A batch of images of a kind at the subject's own shape and range, decided by the trial and the labels."""
    facts = subject.facts
    return images(kind, batch, facts.input_shape, facts.input_range, generator(trial, batch, kind, *labels))


def far(a: Tensor, b: Tensor, scale: float | None = None) -> float:
    """The largest difference relative to the values' size, b's own where no other is given."""
    return float((a - b).abs().max()) / (1e-6 + (float(b.abs().max()) if scale is None else scale))


# NET-01 ---------------------------------------------------------------------------------------------------------------------------------


def check_encoder(subject: Subject, trial: Trial) -> Verdict:
    """Shapes, finite values, determinism in eval, each item's code its own."""
    d = subject.facts.latent_dim

    def examine(example: tuple[int, Pixels]) -> Verdict | None:
        batch, kind = example
        x = probe_images(subject, trial, batch, kind)
        there = subject.posterior(x, seed=1)
        for name, value in (("mu", there.mu), ("logvar", there.logvar)):
            if tuple(value.shape) != (batch, d):
                return violated(
                    f"{name} has the shape {tuple(value.shape)} for a batch of {batch}",
                    measured={"shape": str(tuple(value.shape))},
                    expected={"shape": str((batch, d))},
                    diagnosis="batch-size-frozen",
                )
            if not bool(torch.isfinite(value).all()):
                return violated(f"{name} is not finite for {kind} pixels", expected={"values": "finite"}, diagnosis="overflow")
        again = subject.posterior(x, seed=2)
        if not (torch.equal(there.mu, again.mu) and torch.equal(there.logvar, again.logvar)):
            return violated(
                "in eval mode the encoder gives different codes for the same input",
                measured={"largest difference": far(there.mu, again.mu)},
                expected={"largest difference": 0.0},
                hint="leave the noise to the sampling step; in eval mode dropout is off",
            )
        mixed = torch.cat([x[-1:], probe_images(subject, trial, 6, Pixels.MIXED, "others")])
        alone, among = subject.posterior(x[-1:]), subject.posterior(mixed)
        for name, single, first, all_of_them in (
            ("mu", alone.mu, among.mu[:1], among.mu),
            ("logvar", alone.logvar, among.logvar[:1], among.logvar),
        ):
            difference = far(first, single, float(all_of_them.abs().max()))
            if difference > CLOSE:
                return violated(
                    f"in eval mode an item's {name} depends on the other items of the batch",
                    measured={"relative difference": difference},
                    expected={"relative difference": 0.0, "tolerance": CLOSE},
                    diagnosis="batch-coupled-encoder",
                )
        return None

    if counterexample := explore(trial, batches_of_images, examine):
        return counterexample
    different = torch.cat([probe_images(subject, trial, 8, kind) for kind in (Pixels.BETWEEN, Pixels.BINARY)])
    codes = subject.posterior(different).mu
    spread = float((codes - codes[:1]).abs().max())
    if spread <= 1e-7 * float(codes.abs().max()):
        return violated(
            "different images get the same code: mu does not depend on the input",
            measured={"largest difference of mu": spread},
            expected={"largest difference of mu": "> 0"},
            diagnosis="encoder-ignores-x",
            hint="feed x through the encoder",
        )
    return holds(
        "mu and logvar of the right shape, finite, deterministic in eval, each item's own",
        measured={"examples": trial.examples, "latent_dim": d},
        smallest_effect="a relative difference of 1e-4",
    )


NET_01 = Claim(
    id="NET-01",
    title="the encoder gives each item its code",
    level=Level.REQUIRED,
    statement="encode gives mu and logvar of shape (batch, latent_dim), finite, deterministic in eval mode, and each item's code"
    " depends on that"
    " item and, in eval mode, on no other",
    formula="encode(x)ᵢ = encode(xᵢ)",
    sources=(notes("objective"), basics("flow")),
    why="q(z|x) is a distribution for each x. A code that changes with the batch it is computed in is no function of x.",
    hint="take the batch size from x, and normalise with statistics that eval mode freezes",
    decision="Hypothesis over batch sizes from 1 and kinds of pixels; relative tolerance 1e-4",
    mistakes=("batch-coupled-encoder", "encoder-ignores-x", "batch-size-frozen", "cuda-always"),
    needs=(Part.POSTERIOR,),
    check=check_encoder,
    rank=20,
    explains=("NET-03", "TRN-01", "TRN-02", "REC-01", "COL-01", "COL-02"),
    spends_error_budget=False,
    at_other_sizes=True,
)

# NET-02 ---------------------------------------------------------------------------------------------------------------------------------


def _range_of(subject: Subject) -> tuple[float, float] | None:
    likelihood = subject.facts.likelihood
    return (0.0, 1.0) if likelihood is not None and likelihood.of_unit_data else None


def _check_dependence(subject: Subject, trial: Trial) -> Verdict | None:
    """Every latent dimension matters, nearly every output entry moves, and a Bernoulli decoder reaches both halves of its range."""
    d = subject.facts.latent_dim
    z = 3 * torch.randn(64, d, generator=generator(trial, "wide"))
    raw = subject.decode(z)[0].flatten(1)
    near = subject.decode(z / 3)[0].flatten(1)
    if not bool(torch.isfinite(raw).all()):
        return violated("decode gives values that are not finite for codes three standard deviations wide", diagnosis="overflow")
    still = float((near.amax(0) == near.amin(0)).double().mean())
    if still > 0.25:
        return violated(
            f"{still:.0%} of the output's entries are the same for every code",
            measured={"share of entries that never move": still},
            expected={"share of entries that never move": "<= 0.25"},
            diagnosis="decoder-ignores-z" if still == 1 else "decoder-range",
            hint="feed z through the decoder"
            if still == 1
            else "a ReLU at the output kills entries for good: end with a sigmoid, or with a linear layer",
        )
    if tied := _tied(near):
        return tied
    slope = subject.decode_vjp(z, torch.randn(subject.decode(z)[0].shape, generator=generator(trial, "cotangent")))
    if slope is None:
        return violated("the output is not differentiable with respect to the code", diagnosis="decoder-ignores-z")
    dead = int((slope.abs().amax(0) == 0).sum())
    if dead:
        return violated(
            f"{dead} of {d} latent dimensions have no influence on the output",
            measured={"dimensions without influence": dead},
            expected={"dimensions without influence": 0},
            diagnosis="decoder-ignores-z",
        )
    if _range_of(subject) is not None:
        x_hat = subject.data(subject.decode(10 * z))
        if not float(x_hat.min()) < 0.5 < float(x_hat.max()):
            return violated(
                f"over codes far and wide the output lies in [{float(x_hat.min()):.4g}, {float(x_hat.max()):.4g}]: it cannot reach both"
                " black and white",
                measured={"least": float(x_hat.min()), "greatest": float(x_hat.max())},
                expected={"range": "both sides of 0.5"},
                diagnosis="double-sigmoid" if float(x_hat.min()) >= 0.5 else "decoder-range",
                hint="no activation between the last layer and the sigmoid",
            )
    ended = float((near == near.min()).double().mean())
    if ended > 0.25 and subject.facts.parts[Part.TRAINING].standing is Standing.PRESENT:
        return violated(
            f"{ended:.0%} of the output's entries are {float(near.min()):.4g} before anything is learned: they have no gradient there",
            measured={"share of entries at the least value": ended},
            expected={"share of entries at the least value": "<= 0.25"},
            diagnosis="decoder-range",
            hint="a ReLU at the output kills entries for good: end with a sigmoid, or with a linear layer",
        )
    return None


def _tied(outputs: Tensor) -> Verdict | None:
    """The verdict where the entries of every output, none of them negative, add up to one and the same number: a softmax ties them."""
    sums = outputs.double().sum(1)
    spread, of_an_entry = float(sums.max() - sums.min()), float((outputs.amax(0) - outputs.amin(0)).mean())
    if outputs.shape[1] < 2 or float(outputs.min()) < 0 or spread > 1e-2 * of_an_entry:
        return None
    return violated(
        f"the entries of every output add up to {float(sums.mean()):.4g}, whatever the code",
        measured={"spread of the sums": spread, "spread of an entry": of_an_entry},
        expected={"spread of the sums": "more than that of an entry"},
        diagnosis="decoder-range",
        hint="a softmax makes the entries of an image compete for one total: each has a probability of its own, by a sigmoid",
    )


def check_decoder(subject: Subject, trial: Trial) -> Verdict:
    """Shapes, range, determinism in eval, dependence on z."""
    d = subject.facts.latent_dim
    bounds = _range_of(subject)

    def examine(example: tuple[int, float]) -> Verdict | None:
        batch, width = example
        z = width * torch.randn(batch, d, generator=generator(trial, example))
        raw = subject.decode(z, seed=1)
        x_hat = subject.data(raw)
        wanted = (batch, *subject.facts.input_shape)
        if tuple(x_hat.shape) != wanted:
            return violated(
                f"decode gives the shape {tuple(x_hat.shape)} for {batch} codes",
                measured={"shape": str(tuple(x_hat.shape))},
                expected={"shape": str(wanted)},
                diagnosis="hard-coded-shape",
            )
        if bounds and not (float(x_hat.min()) >= bounds[0] and float(x_hat.max()) <= bounds[1]):
            return violated(
                f"the output lies in [{float(x_hat.min()):.4g}, {float(x_hat.max()):.4g}], outside the {subject.facts.likelihood}"
                " likelihood's range",
                measured={"least": float(x_hat.min()), "greatest": float(x_hat.max())},
                expected={"range": "[0, 1]"},
                diagnosis="decoder-range",
            )
        again = subject.decode(z, seed=2)
        if not all(torch.equal(one, other) for one, other in zip(raw, again, strict=True)):
            return violated(
                "in eval mode the decoder gives different outputs for the same code",
                expected={"largest difference": 0.0},
            )
        return None

    if counterexample := explore(trial, st.tuples(batch_sizes, st.floats(0, 5, allow_nan=False)), examine):
        return counterexample
    if bad := _check_dependence(subject, trial):
        return bad
    return holds(
        "the input's shape, the likelihood's range, deterministic in eval, moved by every latent dimension",
        measured={"examples": trial.examples},
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
    explains=("NET-03", "TRN-01", "TRN-02", "REC-01", "COL-01", "COL-02", "TOY-01", "TOY-03", "TOY-04"),
    spends_error_budget=False,
    at_other_sizes=True,
)
