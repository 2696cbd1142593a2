"""NET: what encoder, decoder and the forward pass have to do with each other."""

from __future__ import annotations

import torch
from hypothesis import strategies as st
from torch import Tensor

from vae_spec.claim import Claim
from vae_spec.documents import basics, notes
from vae_spec.exploration import explore, generator
from vae_spec.outcomes import Level, Verdict, holds, not_applicable, violated
from vae_spec.statistics.pivots import mean_pivot, variance_pivot
from vae_spec.strategies import Pixels, batch_sizes, images, pixel_kinds
from vae_spec.subject import Likelihood, Mode, Noise, Part, Pass, Subject
from vae_spec.trial import Trial

CLOSE = 1e-4
"""Relative: what float32 sums in another order may differ by."""

batches_of_images = st.tuples(batch_sizes, pixel_kinds)


def _images(subject: Subject, trial: Trial, batch: int, kind: Pixels, *labels: object) -> Tensor:
    facts = subject.facts
    return images(kind, batch, facts.input_shape, facts.input_range, generator(trial, batch, kind, *labels))


def _far(a: Tensor, b: Tensor, scale: float | None = None) -> float:
    """The largest difference relative to the values' size, b's own where no other is given."""
    return float((a - b).abs().max()) / (1e-6 + (float(b.abs().max()) if scale is None else scale))


# NET-01 ---------------------------------------------------------------------------------------------------------------------------------


def check_encoder(subject: Subject, trial: Trial) -> Verdict:
    """Shapes, finite values, determinism in eval, each item's code its own."""
    d = subject.facts.latent_dim

    def examine(example: tuple[int, Pixels]) -> Verdict | None:
        batch, kind = example
        x = _images(subject, trial, batch, kind)
        there = subject.posterior(x, seed=1)
        for name, value in (("mu", there.mu), ("logvar", there.logvar)):
            if tuple(value.shape) != (batch, d):
                return violated(f"{name} has the shape {tuple(value.shape)} for a batch of {batch}", measured={"shape": str(tuple(value.shape))},
                                expected={"shape": str((batch, d))}, diagnosis="batch-size-frozen")
            if not bool(torch.isfinite(value).all()):
                return violated(f"{name} is not finite for {kind} pixels", expected={"values": "finite"}, diagnosis="overflow")
        again = subject.posterior(x, seed=2)
        if not (torch.equal(there.mu, again.mu) and torch.equal(there.logvar, again.logvar)):
            return violated("in eval mode the encoder gives different codes for the same input", measured={"largest difference": _far(there.mu, again.mu)},
                            expected={"largest difference": 0.0}, hint="leave the noise to the sampling step; in eval mode dropout is off")
        mixed = torch.cat([x[-1:], _images(subject, trial, 6, Pixels.MIXED, "others")])
        alone, among = subject.posterior(x[-1:]), subject.posterior(mixed)
        for name, single, first, all_of_them in (("mu", alone.mu, among.mu[:1], among.mu), ("logvar", alone.logvar, among.logvar[:1], among.logvar)):
            difference = _far(first, single, float(all_of_them.abs().max()))
            if difference > CLOSE:
                return violated(f"in eval mode an item's {name} depends on the other items of the batch", measured={"relative difference": difference},
                                expected={"relative difference": 0.0, "tolerance": CLOSE}, diagnosis="batch-coupled-encoder")
        return None

    if counterexample := explore(trial, batches_of_images, examine):
        return counterexample
    codes = subject.posterior(torch.cat([_images(subject, trial, 8, Pixels.BETWEEN), _images(subject, trial, 8, Pixels.BINARY)])).mu
    spread = float((codes - codes[:1]).abs().max())
    if spread <= 1e-7 * float(codes.abs().max()):
        return violated("different images get the same code: mu does not depend on the input", measured={"largest difference of mu": spread},
                        expected={"largest difference of mu": "> 0"}, diagnosis="encoder-ignores-x", hint="feed x through the encoder")
    return holds("mu and logvar of the right shape, finite, deterministic in eval, each item's own", measured={"examples": trial.examples, "latent_dim": d},
                 smallest_effect="a relative difference of 1e-4")


NET_01 = Claim(
    id="NET-01", title="the encoder gives each item its code", level=Level.REQUIRED,
    statement="encode gives mu and logvar of shape (batch, latent_dim), finite, deterministic in eval mode, and each item's code depends on that"
              " item and, in eval mode, on no other",
    sources=(notes("objective"), basics("flow")),
    why="q(z|x) is a distribution for each x. A code that changes with the batch it is computed in is no function of x.",
    hint="take the batch size from x, and normalise with statistics that eval mode freezes",
    decision="Hypothesis over batch sizes from 1 and kinds of pixels; relative tolerance 1e-4",
    mistakes=("batch-coupled-encoder", "encoder-ignores-x", "batch-size-frozen", "cuda-always"), needs=(Part.POSTERIOR,), check=check_encoder,
)

# NET-02 ---------------------------------------------------------------------------------------------------------------------------------


def _range_of(subject: Subject) -> tuple[float, float] | None:
    if subject.facts.likelihood in (Likelihood.BERNOULLI, Likelihood.BERNOULLI_LOGITS):
        return 0.0, 1.0
    return None


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
        return violated(f"{still:.0%} of the output's entries are the same for every code", measured={"share of entries that never move": still},
                        expected={"share of entries that never move": "<= 0.25"}, diagnosis="decoder-ignores-z" if still == 1 else "decoder-range",
                        hint="feed z through the decoder" if still == 1 else "a ReLU at the output kills entries for good: end with a sigmoid, or with a linear layer")
    slope = subject.decode_vjp(z, torch.randn(subject.decode(z)[0].shape, generator=generator(trial, "cotangent")))
    if slope is None:
        return violated("the output is not differentiable with respect to the code", diagnosis="decoder-ignores-z")
    dead = int((slope.abs().amax(0) == 0).sum())
    if dead:
        return violated(f"{dead} of {d} latent dimensions have no influence on the output", measured={"dimensions without influence": dead},
                        expected={"dimensions without influence": 0}, diagnosis="decoder-ignores-z")
    if _range_of(subject) is not None:
        x_hat = subject.data(subject.decode(10 * z))
        if not float(x_hat.min()) < 0.5 < float(x_hat.max()):
            return violated(f"over codes far and wide the output lies in [{float(x_hat.min()):.4g}, {float(x_hat.max()):.4g}]: it cannot reach both black and white",
                            measured={"least": float(x_hat.min()), "greatest": float(x_hat.max())}, expected={"range": "both sides of 0.5"},
                            diagnosis="double-sigmoid" if float(x_hat.min()) >= 0.5 else "decoder-range", hint="no activation between the last layer and the sigmoid")
    return None


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
            return violated(f"decode gives the shape {tuple(x_hat.shape)} for {batch} codes", measured={"shape": str(tuple(x_hat.shape))},
                            expected={"shape": str(wanted)}, diagnosis="hard-coded-shape")
        if bounds and not (float(x_hat.min()) >= bounds[0] and float(x_hat.max()) <= bounds[1]):
            return violated(f"the output lies in [{float(x_hat.min()):.4g}, {float(x_hat.max()):.4g}], outside the {subject.facts.likelihood} likelihood's range",
                            measured={"least": float(x_hat.min()), "greatest": float(x_hat.max())}, expected={"range": "[0, 1]"}, diagnosis="decoder-range")
        again = subject.decode(z, seed=2)
        if not all(torch.equal(one, other) for one, other in zip(raw, again, strict=True)):
            return violated("in eval mode the decoder gives different outputs for the same code", expected={"largest difference": 0.0})
        return None

    if counterexample := explore(trial, st.tuples(batch_sizes, st.floats(0, 5, allow_nan=False)), examine):
        return counterexample
    if bad := _check_dependence(subject, trial):
        return bad
    return holds("the input's shape, the likelihood's range, deterministic in eval, moved by every latent dimension",
                 measured={"examples": trial.examples}, smallest_effect="one latent dimension without influence")


NET_02 = Claim(
    id="NET-02", title="the decoder gives data from codes", level=Level.REQUIRED,
    statement="decode gives the input's shape within the likelihood's range, deterministically in eval mode, and every latent dimension moves it",
    sources=(notes("13.4.3"), basics("flow")),
    why="New samples are decoded from codes alone. An output that cannot reach black or white, or that ignores a code, cannot look like data.",
    hint="end the decoder with what the likelihood needs (a sigmoid for data in [0, 1]) and give the output the input's shape",
    decision="Hypothesis over batch sizes and widths of codes, exact; gradients and spread over 64 codes three standard deviations wide",
    mistakes=("decoder-range", "decoder-ignores-z", "double-sigmoid", "hard-coded-shape", "batch-size-frozen"), needs=(Part.DECODE,), check=check_decoder,
)

# NET-03 ---------------------------------------------------------------------------------------------------------------------------------


def _training_batch(subject: Subject, trial: Trial, batch: int, kind: Pixels) -> Tensor:
    return _images(subject, trial, max(batch, subject.facts.least_train_batch, 2), kind)


def _check_code_is_a_sample(passed: Pass, trial: Trial) -> Verdict | None:
    """The decoded code lies around mu as a draw of q does: exact pivots at this claim's share of the budget."""
    if passed.z is None:
        return None
    if torch.equal(passed.z, passed.mu):
        return violated("the training forward pass decodes mu itself: no noise is drawn", measured={"largest |z - mu|": 0.0}, expected={"largest |z - mu|": "> 0"},
                        diagnosis="mean-in-training", hint="z = mu + std * eps in training mode")
    u = ((passed.z - passed.mu) / torch.exp(0.5 * passed.logvar)).double().numpy(force=True)
    worst = min((mean_pivot(u), variance_pivot(u)), key=lambda pivot: pivot.p)
    if worst.p < trial.level / 2:
        return violated(f"in the forward pass the {worst.name} of (z - mu)/sigma is {worst.value:.4g}, not {worst.expected:g} (p = {worst.p:.1g}, n = {u.size})",
                        measured={worst.name: worst.value, "p": worst.p, "n": u.size}, expected={worst.name: worst.expected, "level": trial.level / 2},
                        hint="in forward too: z = mu + torch.exp(0.5 * logvar) * torch.randn_like(logvar)")
    return None


def check_forward(subject: Subject, trial: Trial) -> Verdict:
    """The training forward pass decodes a sample of the posterior that encode gives."""

    def examine(example: tuple[int, Pixels]) -> Verdict | None:
        x = _training_batch(subject, trial, *example)
        noise = Noise(seed=trial.rng_seed(example))
        passed = subject.forward(x, noise)
        encoded = subject.posterior(x, mode=Mode.TRAIN, seed=noise.seed)
        for name, here, there in (("mu", passed.mu, encoded.mu), ("logvar", passed.logvar, encoded.logvar)):
            if here.shape != there.shape or _far(here, there) > CLOSE:
                return violated(f"forward's {name} is not what encode gives for the same batch", measured={"relative difference": _far(here, there) if here.shape == there.shape else "shapes"},
                                expected={"relative difference": 0.0})
        return None

    if counterexample := explore(trial, batches_of_images, examine, examples=min(trial.examples, 20)):
        return counterexample
    x = _training_batch(subject, trial, 128, Pixels.MIXED)
    first = subject.forward(x, Noise(seed=trial.rng_seed("first")))
    second = subject.forward(x, Noise(seed=trial.rng_seed("second")))
    if all(torch.equal(one, other) for one, other in zip(first.raw, second.raw, strict=True)):
        return violated("two training forward passes under different seeds give the same output: no noise is drawn", measured={"largest difference": 0.0},
                        expected={"largest difference": "> 0"}, diagnosis="mean-in-training", hint="z = mu + std * eps in training mode")
    if bad := _check_code_is_a_sample(first, trial):
        return bad
    seen = "" if first.z is not None else " (the code itself cannot be seen: sampling and decoding both stand inline)"
    return holds(f"decodes a sample of the posterior that encode gives{seen}", measured={"code seen": first.z is not None}, expected={"level": trial.level},
                 smallest_effect="a relative difference of 1e-4 between forward's posterior and encode's")


NET_03 = Claim(
    id="NET-03", title="training decodes a sample", level=Level.REQUIRED,
    statement="the training forward pass decodes a sample of q(z|x), not its mean, and its mu and logvar are those of encode",
    sources=(notes("objective"), basics("flow")),
    why="Decoding the mean in training gives an autoencoder with a penalty: the decoder never learns what lies around a code.",
    hint="in forward: mu, logvar = self.encode(x); z = self.reparameterize(mu, logvar); return self.decode(z), mu, logvar",
    decision="identity under one seed on Hypothesis' examples; exact pivots on the decoded code where it can be seen",
    mistakes=("mean-in-training", "autoencoder-plus-noise"), needs=(Part.FORWARD, Part.POSTERIOR), check=check_forward,
)

# NET-04 ---------------------------------------------------------------------------------------------------------------------------------


def check_bottleneck(subject: Subject, trial: Trial) -> Verdict:
    """Forward's raw is decode(forward's z)."""
    unseen = False

    def examine(example: tuple[int, Pixels]) -> Verdict | None:
        nonlocal unseen
        batch, kind = example
        x = _images(subject, trial, batch, kind)
        passed = subject.forward(x, Noise(seed=trial.rng_seed(example)), mode=Mode.EVAL)
        if passed.z is None:
            unseen = True
            return None
        # Something else is encoded in between: a decoder that remembers an input must not be helped by it.
        subject.posterior(_images(subject, trial, batch, Pixels.BETWEEN, "in between"))
        decoded = subject.decode(passed.z)
        for here, there in zip(passed.raw, decoded, strict=True):
            if here.numel() != there.numel() or _far(here.reshape(there.shape), there) > CLOSE:
                return violated("forward's output is not what decode gives for forward's own code: something else reaches it",
                                measured={"relative difference": _far(here.reshape(there.shape), there) if here.numel() == there.numel() else "shapes"},
                                expected={"relative difference": 0.0, "tolerance": CLOSE}, diagnosis="decoder-sees-x")
        return None

    if counterexample := explore(trial, batches_of_images, examine, examples=min(trial.examples, 20)):
        return counterexample
    if unseen:
        return not_applicable("the code that forward decodes cannot be seen: sampling and decoding both stand inline in forward")
    return holds("forward's output is decode of forward's code", measured={"examples": min(trial.examples, 20)}, smallest_effect="a relative difference of 1e-4")


NET_04 = Claim(
    id="NET-04", title="x reaches the output through z alone", level=Level.REQUIRED,
    statement="the forward pass's output is decode of the code that it drew: x reaches it through z alone",
    sources=(basics("flow"),),
    why="A skip connection past the code makes reconstructions perfect and prior samples noise: decode alone never sees what it learned to lean on.",
    hint="let forward return self.decode(z), and let decode see nothing but z",
    decision="identity in eval mode, Hypothesis over batch sizes and pixels; relative tolerance 1e-4",
    mistakes=("decoder-sees-x",), needs=(Part.FORWARD, Part.DECODE), check=check_bottleneck,
)

# NET-05 ---------------------------------------------------------------------------------------------------------------------------------


def check_eval_mode(subject: Subject, trial: Trial) -> Verdict:
    """What eval mode does."""
    samples = subject.facts.samples_in_eval
    if samples is None:
        return not_applicable("what forward does in eval mode could not be told")
    return holds("in eval mode forward " + ("samples z" if samples else "decodes the mean"), measured={"samples in eval": samples, "seed": trial.seed})


NET_05 = Claim(
    id="NET-05", title="what eval mode does", level=Level.INFORMATIONAL,
    statement="whether eval mode samples the code or decodes the mean is detected and reported",
    sources=(basics("flow"),),
    why="Both schools exist, and neither is a fault; but whoever compares reconstructions has to know which it is.",
    hint="", decision="two eval forward passes under different seeds", needs=(Part.FORWARD,), check=check_eval_mode,
)

# NET-06 ---------------------------------------------------------------------------------------------------------------------------------

REACH_STEPS, REACH_RATE = 400, 0.02
TARGETS = ((-3.0, -2.0), (3.0, -2.0), (-3.0, 1.5), (3.0, 1.5))
"""mu and logvar to steer to: either sign of mu, variance below and above the prior's, in each combination."""


def check_heads(subject: Subject, trial: Trial) -> Verdict:
    """A short fit moves mu and logvar to targets on either side, independently."""
    d = subject.facts.latent_dim
    x = _images(subject, trial, 16, Pixels.MIXED)
    worst: dict[str, float] = {}
    for mu_target, logvar_target in TARGETS:
        reached = subject.reach(x, torch.full((16, d), mu_target), torch.full((16, d), logvar_target), steps=REACH_STEPS, learning_rate=REACH_RATE,
                                seed=trial.rng_seed(mu_target, logvar_target))
        mu, logvar = float(reached.mu.mean()), float(reached.logvar.mean())
        worst[f"mu towards {mu_target:g}, logvar towards {logvar_target:g}"] = mu
        if abs(mu) < 2 or mu * mu_target < 0 or logvar * logvar_target < 0 or abs(logvar) < 1:
            which = "mu" if abs(mu) < 2 or mu * mu_target < 0 else "logvar"
            both = abs(mu - logvar) < 1e-3 and abs(mu) > 0.5
            before = subject.posterior(x).logvar
            fixed = float((before - before[0, 0]).abs().max()) == 0
            return violated(
                f"steered towards mu = {mu_target:g} and logvar = {logvar_target:g}, the encoder only reaches mu = {mu:.3g} and logvar = {logvar:.3g}"
                + ("\nmu and logvar are one and the same: one layer gives both" if both else f"\nan activation after the last layer bounds {which}"),
                measured={"mu": mu, "logvar": logvar}, expected={"mu": mu_target, "logvar": logvar_target},
                diagnosis="shared-head" if both else "autoencoder-plus-noise" if fixed else "activation-on-heads",
                hint="two heads of their own: self.mu = nn.Linear(h, d), self.logvar = nn.Linear(h, d)" if both else "end both heads with a plain linear layer")
    return holds("both heads reach either side of the prior, independently", measured=worst, smallest_effect="a bound of |mu| <= 2 or of logvar at 0")


NET_06 = Claim(
    id="NET-06", title="the heads can say any Gaussian", level=Level.REQUIRED,
    statement="the encoder's heads can express means of either sign and variances below and above the prior's, independently of each other",
    sources=(basics("flow"), basics("mistakes")),
    why="mu is any real number and logvar too. A ReLU on mu empties half of the latent space, a softplus on logvar keeps sigma above 1, a tanh"
        " bounds every mean, one shared layer ties them together: each still trains, and each is blur.",
    hint="end both heads with a plain linear layer of their own",
    decision="exact: at most 400 steps of Adam towards four targets from fresh initialisations; half of the way must be reached",
    mistakes=("activation-on-heads", "shared-head"), needs=(Part.POSTERIOR, Part.PARAMETERS), check=check_heads,
)
