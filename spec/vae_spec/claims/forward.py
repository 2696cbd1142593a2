"""NET-03 to NET-05: the forward pass draws a code and decodes it, and nothing else reaches the output."""

from __future__ import annotations

import torch
from torch import Tensor

from vae_spec.claim import Claim
from vae_spec.claims.networks import CLOSE, batches_of_images, far, probe_images
from vae_spec.claims.sampling import REPORTED_SHARE, explain_scale, rounding
from vae_spec.documents import basics, notes
from vae_spec.exploration import explore
from vae_spec.outcomes import Level, Verdict, holds, not_applicable, violated
from vae_spec.statistics.pivots import mean_pivot, variance_pivot
from vae_spec.strategies import Pixels
from vae_spec.subject import Facts, Mode, Noise, Part, Pass, Subject
from vae_spec.trial import Trial

UNIFORM = 0.1
"""How near the mean of (z - mu)/sigma must come to 1/2, and its variance within a quarter of it to 1/12, to be called uniform noise."""
UNIFORM_WORDS = "\nits mean is 1/2 and its variance 1/12: that is uniform noise, as torch.rand draws it"

# NET-03 ---------------------------------------------------------------------------------------------------------------------------------


def _training_batch(subject: Subject, trial: Trial, batch: int, kind: Pixels) -> Tensor:
    return probe_images(subject, trial, max(batch, subject.facts.least_train_batch, 2), kind)


def _check_code_is_a_sample(passed: Pass, trial: Trial) -> Verdict | None:
    """The decoded code lies around mu as a draw of q does: exact pivots at this claim's share of the budget."""
    if passed.z is None:
        return None
    if torch.equal(passed.z, passed.mu):
        return violated(
            "the training forward pass decodes mu itself: no noise is drawn",
            measured={"largest |z - mu|": 0.0},
            expected={"largest |z - mu|": "> 0"},
            diagnosis="mean-in-training",
            hint="z = mu + std * eps in training mode",
        )
    u = ((passed.z - passed.mu) / torch.exp(0.5 * passed.logvar)).double().numpy(force=True)
    worst = min((mean_pivot(u), variance_pivot(u)), key=lambda pivot: pivot.p)
    if worst.p < trial.level / 2:
        uniform = abs(u.mean() - 0.5) < UNIFORM and abs(u.var() - 1 / 12) < UNIFORM / 4
        return violated(
            f"in the forward pass the {worst.name} of (z - mu)/sigma is {worst.value:.4g}, not {worst.expected:g} (p = {worst.p:.1g}, n"
            f" = {u.size})" + (UNIFORM_WORDS if uniform else ""),
            measured={worst.name: worst.value, "p": worst.p, "n": u.size},
            expected={worst.name: worst.expected, "level": trial.level / 2},
            diagnosis="eps-from-rand" if uniform else None,
            hint="in forward too: z = mu + torch.exp(0.5 * logvar) * torch.randn_like(logvar)",
        )
    return None


def _check_spread(subject: Subject, x: Tensor) -> Verdict | None:
    """Under a given noise the decoded code is mu + exp(logvar / 2) * eps, to rounding: asked where the noise is under control."""
    silent = subject.forward(x, Noise.none())
    if silent.z is None or far(silent.z, silent.mu) > CLOSE:
        return None
    passed, doubled = (subject.forward(x, Noise(given=torch.full_like(silent.mu, eps))) for eps in (1.0, 2.0))
    # Noise that is drawn in pieces, as for groups of dimensions, is not what is given.
    if passed.z is None or doubled.z is None or far(doubled.z - doubled.mu, 2 * (passed.z - passed.mu)) > CLOSE:
        return None
    sigma = torch.exp(0.5 * passed.logvar)
    # The noise is symmetric: a standard deviation of either sign is one.
    scale = (passed.z - passed.mu).abs()
    beyond = (scale - sigma).abs() - rounding(passed.mu, sigma, torch.ones_like(sigma)) - REPORTED_SHARE * sigma
    if float(beyond.max()) <= 0:
        return None
    at = int(beyond.argmax())
    words, mistake = explain_scale(passed.z - passed.mu, passed.logvar, 1e-5 * float(passed.mu.abs().max()))
    here, wanted = float(scale.flatten()[at]), float(sigma.flatten()[at])
    return violated(
        f"in the forward pass, at logvar = {float(passed.logvar.flatten()[at]):.4g}, a noise of 1 moves z by {here:.6g},"
        f" and exp(logvar/2) is {wanted:.6g}{words}",
        measured={"|z - mu|": here},
        expected={"|z - mu|": wanted, "tolerance in units of sigma": REPORTED_SHARE},
        diagnosis=mistake,
        hint="in forward too: z = mu + torch.exp(0.5 * logvar) * torch.randn_like(logvar)",
    )


def check_forward(subject: Subject, trial: Trial) -> Verdict:
    """The training forward pass decodes a sample of the posterior that encode gives."""

    def examine(example: tuple[int, Pixels]) -> Verdict | None:
        x = _training_batch(subject, trial, *example)
        noise = Noise(seed=trial.rng_seed(example))
        passed = subject.forward(x, noise)
        encoded = subject.posterior(x, mode=Mode.TRAIN, seed=noise.seed)
        for name, here, there in (("mu", passed.mu, encoded.mu), ("logvar", passed.logvar, encoded.logvar)):
            if here.shape != there.shape or far(here, there) > CLOSE:
                return violated(
                    f"forward's {name} is not what encode gives for the same batch",
                    measured={"relative difference": far(here, there) if here.shape == there.shape else "shapes"},
                    expected={"relative difference": 0.0},
                )
        return None

    if counterexample := explore(trial, batches_of_images, examine, examples=min(trial.examples, 20)):
        return counterexample
    x = _training_batch(subject, trial, 128, Pixels.MIXED)
    first = subject.forward(x, Noise(seed=trial.rng_seed("first")))
    second = subject.forward(x, Noise(seed=trial.rng_seed("second")))
    if all(torch.equal(one, other) for one, other in zip(first.raw, second.raw, strict=True)):
        return violated(
            "two training forward passes under different seeds give the same output: no noise is drawn",
            measured={"largest difference": 0.0},
            expected={"largest difference": "> 0"},
            diagnosis="mean-in-training",
            hint="z = mu + std * eps in training mode",
        )
    if bad := _check_spread(subject, x) or _check_code_is_a_sample(first, trial):
        return bad
    seen = "" if first.z is not None else " (the code itself cannot be seen: sampling and decoding both stand inline)"
    return holds(
        f"decodes a sample of the posterior that encode gives{seen}",
        measured={"code seen": first.z is not None},
        expected={"level": trial.level},
        smallest_effect="a relative difference of 1e-4 between forward's posterior and encode's",
    )


NET_03 = Claim(
    id="NET-03",
    title="training decodes a sample",
    level=Level.REQUIRED,
    statement="the training forward pass decodes a sample of q(z|x), not its mean, and its mu and logvar are those of encode",
    formula="x̂ = decode(mu + exp(logvar / 2) · eps),  eps ~ N(0, I)",
    sources=(notes("objective"), basics("flow")),
    why="Decoding the mean in training gives an autoencoder with a penalty: the decoder never learns what lies around a code. Noise of"
    " another width than exp(logvar/2) is not the posterior whose KL is paid for.",
    hint="in forward: mu, logvar = self.encode(x); z = self.reparameterize(mu, logvar); return self.decode(z), mu, logvar",
    decision="identity under one seed on Hypothesis' examples; where the decoded code can be seen, its identity under a given noise and"
    " exact pivots",
    mistakes=("mean-in-training", "autoencoder-plus-noise", "std-no-half", "logvar-as-std", "eps-from-rand"),
    needs=(Part.FORWARD, Part.POSTERIOR),
    check=check_forward,
    rank=220,
    spends_error_budget=True,
    at_other_sizes=False,
)

# NET-04 ---------------------------------------------------------------------------------------------------------------------------------


def teacher_forced(facts: Facts) -> str | None:
    """The reason why a claim about what decode makes of forward's code does not concern this subject."""
    if not facts.autoregressive:
        return None
    return "its decoder is declared autoregressive: forward predicts each entry from the code and from the entries of x before it"


def check_bottleneck(subject: Subject, trial: Trial) -> Verdict:
    """Forward's raw is decode(forward's z)."""
    unseen = False

    def examine(example: tuple[int, Pixels]) -> Verdict | None:
        nonlocal unseen
        batch, kind = example
        x = probe_images(subject, trial, batch, kind)
        passed = subject.forward(x, Noise(seed=trial.rng_seed(example)), mode=Mode.EVAL)
        if passed.z is None:
            unseen = True
            return None
        # Something else is encoded in between: a decoder that remembers an input must not be helped by it.
        subject.posterior(probe_images(subject, trial, batch, Pixels.BETWEEN, "in between"))
        decoded = subject.decode(passed.z)
        for here, there in zip(passed.raw, decoded, strict=True):
            if here.numel() != there.numel() or far(here.reshape(there.shape), there) > CLOSE:
                if any(far(one, again) > CLOSE for one, again in zip(decoded, subject.decode(passed.z, seed=1), strict=True)):
                    return violated(
                        "in eval mode decode gives different outputs for the same code, so nothing can be said of what forward gives",
                        expected={"relative difference": 0.0, "tolerance": CLOSE},
                        hint="let decode draw nothing and drop nothing in eval mode: F.dropout(h, training=self.training)",
                    )
                return violated(
                    "forward's output is not what decode gives for forward's own code: something else reaches it",
                    measured={"relative difference": far(here.reshape(there.shape), there) if here.numel() == there.numel() else "shapes"},
                    expected={"relative difference": 0.0, "tolerance": CLOSE},
                    diagnosis="decoder-sees-x",
                )
        return None

    if counterexample := explore(trial, batches_of_images, examine, examples=min(trial.examples, 20)):
        return counterexample
    if unseen:
        return not_applicable("the code that forward decodes cannot be seen: sampling and decoding both stand inline in forward")
    return holds(
        "forward's output is decode of forward's code",
        measured={"examples": min(trial.examples, 20)},
        smallest_effect="a relative difference of 1e-4",
    )


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
    mistakes=("decoder-sees-x",),
    needs=(Part.FORWARD, Part.DECODE),
    check=check_bottleneck,
    applies=teacher_forced,
    rank=50,
    explains=("INT-03",),
    spends_error_budget=False,
    at_other_sizes=True,
)

# NET-05 ---------------------------------------------------------------------------------------------------------------------------------


def check_eval_mode(subject: Subject, trial: Trial) -> Verdict:
    """What eval mode does."""
    samples = subject.facts.samples_in_eval
    if samples is None:
        return not_applicable("what forward does in eval mode could not be told")
    return holds(
        "in eval mode forward " + ("samples z" if samples else "decodes the mean"),
        measured={"samples in eval": samples, "seed": trial.seed},
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
