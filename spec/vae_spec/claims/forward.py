"""NET-03 to NET-05: the forward pass draws a latent z and decodes it, and nothing else reaches the output."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from vae_spec.checks import Cause, alike, close, entry, first_of, first_violation, in_shape_of, likely, positive, relative_difference, worst
from vae_spec.claim import Claim
from vae_spec.claims.networks import CLOSE, batches_of_images, probe_images
from vae_spec.claims.noise import REPORTED_SHARE, explain_noise, standard_normal_pivots
from vae_spec.claims.sampling import ROUNDING_OF_MU, SAMPLED, explain_scale, rounding
from vae_spec.context import ClaimContext
from vae_spec.documents import basics, notes
from vae_spec.exploration import FEW_EXAMPLES, explore, for_all
from vae_spec.lazy import Tensor, st, torch
from vae_spec.outcomes import Level, Outcome, Verdict, holds, not_applicable
from vae_spec.statistics.two_stage import Decision
from vae_spec.strategies import Pixels, batch_sizes, pixel_kinds
from vae_spec.subject import Facts, Mode, Noise, Part, Pass, Subject

UNIFORM = 0.1
"""Tolerance for recognising uniform noise: mean of (z - mu)/sigma within this of 1/2, variance within a quarter of this of 1/12."""
UNIFORM_WORDS = "its mean is 1/2 and its variance 1/12: that is uniform noise, as torch.rand draws it"
REPARAMETERIZED = "in forward too: z = mu + torch.exp(0.5 * logvar) * torch.randn_like(logvar)"
PIVOT_ITEMS = 128
"""Images in the pass whose latents are tested: with two latent dimensions 256 draws, enough to detect noise half as wide."""
FEW_VALUES = 0.25
"""Share of the entries of z up to which they have so few different values that z was rounded."""
IN_MODE = {Mode.TRAIN: "", Mode.EVAL: " in eval mode"}


def batches_in_either_mode() -> st.SearchStrategy[tuple[int, Pixels, Mode]]:
    """Draw (batch size, kind of pixels, mode)."""
    return st.tuples(batch_sizes(), pixel_kinds(), st.sampled_from(list(Mode)))


# NET-03 ---------------------------------------------------------------------------------------------------------------------------------


def _training_batch(subject: Subject, context: ClaimContext, batch: int, kind: Pixels) -> Tensor:
    return probe_images(subject, context, max(batch, subject.facts.least_train_batch, 2), kind)


def _check_code_is_a_sample(passed: Pass, context: ClaimContext) -> Verdict | None:
    """Test the decoded z as a draw from q by exact pivots at this claim's share of the error budget."""
    if passed.z is None:
        return None
    if bad := positive(
        "largest |z - mu|",
        float((passed.z - passed.mu).abs().max()),
        what="the training forward pass decodes mu itself: no noise is drawn",
        because=Cause("mean-in-training", hint=SAMPLED),
    ):
        return bad
    u = ((passed.z - passed.mu) / torch.exp(0.5 * passed.logvar)).double().numpy(force=True)
    pivots = standard_normal_pivots(u)
    worst_pivot, level = min(pivots, key=lambda pivot: pivot.p), context.level / len(pivots)
    uniform = abs(u.mean() - 1 / 2) < UNIFORM and abs(u.var() - 1 / 12) < UNIFORM / 4
    cause = Cause("eps-from-rand", UNIFORM_WORDS) if uniform else explain_noise(worst_pivot, pivots)
    return likely(
        Decision(rejected=worst_pivot.p < level, pivot=worst_pivot, draws=u.size, stage=1),
        level,
        what="in the forward pass (z - mu)/sigma is not standard normal",
        because=replace(cause, hint=REPARAMETERIZED),
    )


def _check_unchanged(passed: Pass) -> Verdict | None:
    """Check that what is decoded is what the sampling step drew, where both are visible."""
    if passed.z is None or passed.drawn is None:
        return None
    few = torch.unique(passed.z).numel() <= passed.z.numel() * FEW_VALUES
    words = "between the sampling step and the decoder z is " + ("rounded" if few else "changed: samples from the prior are not")
    cause = Cause("rounded-code" if few else "latent-changed", words)
    if relative_difference(passed.z, passed.mu) < CLOSE:
        cause = Cause("mean-in-training", "the noise is drawn, and mu is decoded", SAMPLED)
    return alike(
        passed.z,
        passed.drawn,
        CLOSE,
        what="the forward pass does not decode what its sampling step drew",
        because=cause,
    )


def _check_spread(subject: Subject, x: Tensor, mode: Mode) -> Verdict | None:
    """Compare the decoded z with mu + exp(logvar / 2) * eps under a given eps, to rounding; None if the noise cannot be controlled."""
    silent = subject.forward(x, Noise.none(), mode=mode)
    if silent.z is None or relative_difference(silent.z, silent.mu) > CLOSE:
        return None
    passed, doubled = (subject.forward(x, Noise(given=torch.full_like(silent.mu, eps)), mode=mode) for eps in (1.0, 2.0))
    if mode is Mode.EVAL and passed.z is not None and torch.equal(passed.z, passed.mu):
        return None
    # If the noise is drawn in pieces, as for groups of dimensions, the given noise does not replace it.
    if passed.z is None or doubled.z is None or relative_difference(doubled.z - doubled.mu, 2 * (passed.z - passed.mu)) > CLOSE:
        return None
    moved, sigma = passed.z - passed.mu, torch.exp(0.5 * passed.logvar)
    allowed = rounding(passed.mu, sigma, torch.ones_like(sigma)) + REPORTED_SHARE * sigma
    # The noise is symmetric, so sigma may have either sign.
    here, wanted, tolerance, logvar = entry(worst(moved.abs(), sigma, allowed), moved.abs(), sigma, allowed, passed.logvar)
    cause = explain_scale(moved, passed.logvar, ROUNDING_OF_MU * float(passed.mu.abs().max()))
    return close(
        "|z - mu|",
        here,
        wanted,
        tolerance,
        what=f"in the forward pass a noise of 1 does not move z by exp(logvar/2){IN_MODE[mode]}",
        where={"logvar": logvar},
        because=replace(cause, hint=REPARAMETERIZED),
    )


def check_forward(subject: Subject, context: ClaimContext) -> Verdict:
    """Check that the training forward pass decodes a sample of the posterior that encode returns."""

    @first_violation
    def examine(example: tuple[int, Pixels, Mode]) -> Iterator[Verdict | None]:
        batch, kind, mode = example
        x = _training_batch(subject, context, batch, kind)
        noise = Noise(seed=context.rng_seed(example))
        passed = subject.forward(x, noise, mode=mode)
        encoded = subject.posterior(x, mode=mode, seed=noise.seed)
        for name, here, there in (("mu", passed.mu, encoded.mu), ("logvar", passed.logvar, encoded.logvar)):
            yield alike(here, there, CLOSE, what=f"forward's {name} is not what encode gives for the same batch{IN_MODE[mode]}")

    if counterexample := explore(context, batches_in_either_mode(), examine, examples=min(context.examples, FEW_EXAMPLES)):
        return counterexample
    x = _training_batch(subject, context, PIVOT_ITEMS, Pixels.MIXED)
    first = subject.forward(x, Noise(seed=context.rng_seed("first")))
    second = subject.forward(x, Noise(seed=context.rng_seed("second")))
    if bad := positive(
        "largest difference",
        max(float((one - other).abs().max()) for one, other in zip(first.raw, second.raw, strict=True)),
        what="two training forward passes under different seeds give the same output: no noise is drawn",
        because=Cause("mean-in-training", hint=SAMPLED),
    ):
        return bad
    if bad := _check_unchanged(first):
        return bad
    for mode in Mode:
        if bad := _check_spread(subject, x, mode):
            return bad
    if bad := _check_code_is_a_sample(first, context):
        return bad
    seen = "" if first.z is not None else " (the code itself cannot be seen: sampling and decoding both stand inline)"
    return holds(
        f"decodes a sample of the posterior that encode gives{seen}",
        measured={"code seen": first.z is not None},
        expected={"level": context.level},
        smallest_effect=f"a relative difference of {CLOSE:g} between forward's posterior and encode's",
    )


NET_03 = Claim(
    id="NET-03",
    title="training decodes a sample",
    level=Level.REQUIRED,
    statement="the training forward pass decodes a sample of q(z|x), not its mean; in either mode its mu and logvar are those of encode,"
    " and z is mu + exp(logvar/2) * eps or, in eval mode, mu",
    formula="x̂ = decode(mu + exp(logvar / 2) · eps),  eps ~ N(0, I)",
    sources=(notes("objective"), basics("flow")),
    why="Decoding the mean in training gives an autoencoder with a penalty: the decoder never learns what lies around a code. Noise of"
    " another width than exp(logvar/2) is not the posterior whose KL is paid for.",
    hint="in forward: mu, logvar = self.encode(x); z = self.reparameterize(mu, logvar); return self.decode(z), mu, logvar",
    decision="identity under one seed on Hypothesis' examples; where the decoded code can be seen, its identity under a given noise and"
    " exact pivots",
    mistakes=("mean-in-training", "autoencoder-plus-noise", "std-no-half", "logvar-as-std", "eps-from-rand", "latent-changed"),
    explains=("INT-03",),
    needs=(Part.FORWARD, Part.POSTERIOR),
    check=check_forward,
    rank=220,
    spends_error_budget=True,
    at_other_sizes=False,
)

# NET-04 ---------------------------------------------------------------------------------------------------------------------------------


def teacher_forced(facts: Facts) -> str | None:
    """Return why a claim about decode(forward's z) does not apply to this subject, or None."""
    if not facts.autoregressive:
        return None
    return "its decoder is declared autoregressive: forward predicts each entry from the code and from the entries of x before it"


def _why_apart(passed: Tensor, decoded: Tensor) -> Cause:
    """Identify why forward's output in eval mode is not that of decode: an activation at its end, or a path around z."""
    if passed.shape == decoded.shape and relative_difference(torch.sigmoid(decoded), passed) < CLOSE:
        return Cause("double-sigmoid", "in eval mode forward ends with a sigmoid that decode does not have: its loss takes the logits")
    return Cause("decoder-sees-x")


def check_bottleneck(subject: Subject, context: ClaimContext) -> Verdict:
    """Check that forward's raw output is decode(forward's z)."""
    unseen = False

    @first_violation
    def examine(example: tuple[int, Pixels]) -> Iterator[Verdict | None]:
        nonlocal unseen
        batch, kind = example
        x = probe_images(subject, context, batch, kind)
        passed = subject.forward(x, Noise(seed=context.rng_seed(example)), mode=Mode.EVAL)
        if passed.z is None:
            unseen = True
            return
        # Encode other images in between, so that a decoder that remembers its input cannot pass.
        subject.posterior(probe_images(subject, context, batch, Pixels.BETWEEN, "in between"))
        decoded = subject.decode(passed.z)
        bad = first_of(
            alike(
                in_shape_of(there, here),
                there,
                CLOSE,
                what="forward's output is not what decode gives for forward's own code: something else reaches it",
                because=_why_apart(here, in_shape_of(here, there)),
            )
            for here, there in zip(passed.raw, decoded, strict=True)
        )
        if bad is not None:  # a random decoder cannot be compared
            random = "let decode draw nothing and drop nothing in eval mode: F.dropout(h, training=self.training)"
            for one, again in zip(decoded, subject.decode(passed.z, seed=1), strict=True):
                yield alike(
                    one,
                    again,
                    CLOSE,
                    what="in eval mode decode gives different outputs for the same code, so nothing can be said of what forward gives",
                    because=Cause(hint=random),
                )
        yield bad

    verdict = for_all(
        context,
        batches_of_images(),
        examine,
        "forward's output is decode of forward's code",
        examples=min(context.examples, FEW_EXAMPLES),
        smallest_effect=f"a relative difference of {CLOSE:g}",
    )
    if verdict.outcome is Outcome.HOLDS and unseen:
        return not_applicable("the code that forward decodes cannot be seen: sampling and decoding are both inline in forward")
    return verdict


NET_04 = Claim(
    id="NET-04",
    title="x reaches the output through z alone",
    level=Level.REQUIRED,
    statement="the forward pass's output is decode of the code that it drew: x reaches it through z alone",
    formula="forward(x) = decode(z)",
    sources=(basics("flow"),),
    why="A skip connection past the code makes reconstructions perfect and prior samples noise: decode alone never sees what it learned"
    " to lean on.",
    hint="let forward return self.decode(z), and let decode see nothing but z",
    decision="identity in eval mode, Hypothesis over batch sizes and pixels; relative tolerance 1e-4",
    mistakes=("decoder-sees-x", "double-sigmoid"),
    needs=(Part.FORWARD, Part.DECODE),
    check=check_bottleneck,
    applies=teacher_forced,
    rank=50,
    explains=("INT-03",),
    spends_error_budget=False,
    at_other_sizes=True,
)

# NET-05 ---------------------------------------------------------------------------------------------------------------------------------


def check_eval_mode(subject: Subject, context: ClaimContext) -> Verdict:
    """Report whether forward samples z or decodes the mean in eval mode."""
    samples = subject.facts.samples_in_eval
    if samples is None:
        return not_applicable("what forward does in eval mode could not be told")
    return holds(
        "in eval mode forward " + ("samples z" if samples else "decodes the mean"),
        measured={"samples in eval": samples, "seed": context.seed},
    )


NET_05 = Claim(
    id="NET-05",
    title="what eval mode does",
    level=Level.INFORMATIONAL,
    statement="whether eval mode samples the code or decodes the mean is detected and reported",
    sources=(basics("flow"),),
    why="Both schools exist, and neither is a fault; but whoever compares reconstructions has to know which it is.",
    hint="",
    decision="two eval forward passes under different seeds",
    needs=(Part.FORWARD,),
    check=check_eval_mode,
    rank=None,
    spends_error_budget=False,
    at_other_sizes=False,
)
