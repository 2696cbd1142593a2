"""REP-04 to REP-06: gradients flow through the sampling step, and it behaves."""

from __future__ import annotations

import math

import torch
from hypothesis import strategies as st

from vae_spec.claim import Claim
from vae_spec.claims.sampling import REPORTED_SHARE, float32_codes, rounding, within_clamp
from vae_spec.documents import ENGINEERING, basics
from vae_spec.exploration import explore, generator
from vae_spec.outcomes import Level, Verdict, holds, violated
from vae_spec.statistics.pivots import (
    Pivot,
    quadratic_tail,
)
from vae_spec.statistics.two_stage import decide
from vae_spec.strategies import CodeBatch, ConstantCode, code_batches, constant_codes
from vae_spec.subject import Noise, Part, Subject
from vae_spec.trial import Trial

# REP-04 ---------------------------------------------------------------------------------------------------------------------------------


def check_pathwise(subject: Subject, trial: Trial) -> Verdict:
    """dz/dmu = 1 and dz/dlogvar = (z - mu) / 2."""
    blocked = "sample() instead of rsample(), torch.normal(mu, std), detach, .data or no_grad in the sampling step stops the gradient"

    def examine(codes: CodeBatch) -> Verdict | None:
        mu, logvar = float32_codes(codes, subject, trial)
        rng = generator(trial, codes, "cotangent")
        cotangent = torch.randn(mu.shape, generator=rng)
        found = subject.draw_vjp(mu, logvar, Noise(seed=trial.rng_seed(codes, "noise")), cotangent)
        sigma = torch.exp(0.5 * logvar)
        moved = found.z - mu
        for name, gradient, wanted in (("mu", found.mu, cotangent), ("logvar", found.logvar, cotangent * moved / 2)):
            if gradient is None or (float(gradient.abs().max()) == 0 and float(wanted.abs().max()) > 0):
                return violated(
                    f"no gradient flows from z back to {name}",
                    measured={f"largest dz/d{name}": 0.0},
                    expected={f"dz/d{name}": "1" if name == "mu" else "(z - mu)/2"},
                    diagnosis="no-encoder-gradient",
                    hint=blocked,
                )
            within = rounding(mu, sigma, moved / sigma) * cotangent.abs() + 1e-6 * cotangent.abs()
            allowed = within + REPORTED_SHARE * (cotangent.abs() if name == "mu" else cotangent.abs() * (sigma + moved.abs()) / 2)
            excess = (gradient - wanted).abs() - allowed
            if float(excess.max()) > 0:
                at = int(excess.argmax())
                there, ours = float((gradient / cotangent).flatten()[at]), float((wanted / cotangent).flatten()[at])
                return violated(
                    f"dz/d{name} is {there:.6g} where it should be {ours:.6g}",
                    measured={f"dz/d{name}": there, "batch": codes.batch},
                    expected={f"dz/d{name}": ours},
                    diagnosis="std-no-half" if ours and abs(there / ours - 2) < 0.01 else None,
                )
        return None

    if counterexample := explore(trial, within_clamp, examine):
        return counterexample
    return holds(
        "dz/dmu = 1 and dz/dlogvar = (z - mu)/2",
        measured={"examples": trial.examples},
        smallest_effect="a deviation of 1e-3",
    )


REP_04 = Claim(
    id="REP-04",
    title="gradients flow through the sampling step",
    level=Level.REQUIRED,
    statement="gradients flow through the sampling step and are right: dz/dmu = 1 and dz/dlogvar = (z - mu)/2",
    formula="∂z/∂mu = 1,  ∂z/∂logvar = (z − mu) / 2",
    sources=(basics("sampling"),),
    why="This is what the reparameterization is for: randomness outside, mu and logvar on the path. torch.normal(mu, std) even gives"
    " gradients of"
    " zero rather than none, so presence is not enough.",
    hint="z = mu + torch.exp(0.5 * logvar) * torch.randn_like(logvar), with everything attached",
    decision="identity by vector-Jacobian products, Hypothesis over mu to 10 and logvar from -10 to 6",
    mistakes=("no-encoder-gradient", "std-no-half", "logvar-as-std"),
    needs=(Part.DRAW,),
    check=check_pathwise,
    rank=100,
    explains=("REP-05",),
    spends_error_budget=False,
    at_other_sizes=False,
)

# REP-05 ---------------------------------------------------------------------------------------------------------------------------------


def check_expected_gradients(subject: Subject, trial: Trial) -> Verdict:
    """Pathwise gradients of E[z] and E[z^2] / 2, summed over many draws, against the analytic ones by their exact laws."""
    d = subject.facts.latent_dim
    rows = max(4, math.ceil(2048 / d))

    def examine(code: ConstantCode) -> Verdict | None:
        sigma = math.exp(code.logvar / 2)

        def measure(draws: int, stage: int) -> list[Pivot]:
            mu, logvar = (torch.full((draws // d, d), value, dtype=torch.float64) for value in (code.mu, code.logvar))
            noise = Noise(seed=trial.rng_seed(code, stage))
            ones = subject.draw_vjp(mu, logvar, noise, torch.ones_like(mu))
            # The gradient of z^2 / 2 has the cotangent z: the same draw, weighed by itself.
            square = subject.draw_vjp(mu, logvar, noise, ones.z)
            n = mu.numel()
            sums = [0.0 if one is None else float(one.sum()) for one in (ones.logvar, square.mu, square.logvar)]
            return [
                Pivot("d E[z] / d logvar", sums[0] / n, 0.0, quadratic_tail(sums[0], n, 0.0, sigma / 4)),
                Pivot("d E[z^2/2] / d mu", sums[1] / n, code.mu, quadratic_tail(sums[1] - n * code.mu, n, 0.0, sigma / 2)),
                Pivot(
                    "d E[z^2/2] / d logvar",
                    sums[2] / n,
                    sigma**2 / 2,
                    quadratic_tail(sums[2], n, sigma**2 / 2, code.mu * sigma / 4),
                ),
            ]

        decision = decide(measure, draws=rows * d, level=trial.level / 12)
        if not decision.rejected:
            return None
        pivot = decision.pivot
        return violated(
            f"{pivot.name} is {pivot.value:.5g} where it is {pivot.expected:.5g} (p = {pivot.p:.1g}, n = {decision.draws})",
            measured={pivot.name: pivot.value, "p": pivot.p, "n": decision.draws},
            expected={pivot.name: pivot.expected},
        )

    if counterexample := explore(trial, constant_codes(), examine, examples=12, simplify=False):
        return counterexample
    return holds(
        "pathwise gradients of E[z] and E[z^2] are the analytic ones",
        measured={"examples": 12, "draws an example": rows * d},
        expected={"level": trial.level},
        smallest_effect="what REP-02 and REP-04 see together",
    )


REP_05 = Claim(
    id="REP-05",
    title="pathwise gradients of expectations",
    level=Level.REQUIRED,
    statement="the pathwise gradients of E[f(z)] are the analytic ones for polynomials f of degree 1 and 2",
    formula="∂E[z]/∂mu = 1,  ∂E[z²]/∂mu = 2 mu,  ∂E[z²]/∂logvar = exp(logvar)",
    sources=(basics("sampling"),),
    why="This is what training uses the sampling step for: E[z] has the gradients 1 and 0, E[z^2]/2 has mu and sigma^2/2.",
    hint="z = mu + torch.exp(0.5 * logvar) * torch.randn_like(logvar), with everything attached",
    decision="exact normal and noncentral chi-squared laws of the summed gradients, two stages over 12 examples",
    mistakes=("no-encoder-gradient", "eps-from-rand"),
    needs=(Part.DRAW,),
    check=check_expected_gradients,
    rank=120,
    spends_error_budget=True,
    at_other_sizes=False,
)

# REP-06 ---------------------------------------------------------------------------------------------------------------------------------


def check_manners(subject: Subject, trial: Trial) -> Verdict:
    """Shape, dtype and device are kept, arguments stay as they are, one seed gives one result."""
    controllable = subject.facts.parts[Part.NOISE_CONTROL].standing.value == "present"

    def examine(example: tuple[CodeBatch, bool]) -> Verdict | None:
        codes, double = example
        mu, logvar = codes.tensors(subject.facts.latent_dim, generator(trial, codes), torch.float64 if double else torch.float32)
        noise = Noise(seed=trial.rng_seed(codes, "noise"))
        z = subject.draw(mu, logvar, noise)
        if z.shape != mu.shape or z.dtype != mu.dtype or z.device.type != mu.device.type:
            return violated(
                f"z is {tuple(z.shape)} {z.dtype} for a mu that is {tuple(mu.shape)} {mu.dtype}",
                measured={"shape": str(tuple(z.shape)), "dtype": str(z.dtype)},
                expected={"shape": str(tuple(mu.shape)), "dtype": str(mu.dtype)},
                diagnosis="batch-size-frozen" if z.shape != mu.shape else None,
            )
        if changed := subject.draw_changes(mu, logvar, noise):
            return violated(
                f"the sampling step changes {' and '.join(changed)} in place: what reads {'it' if len(changed) == 1 else 'them'}"
                " afterwards, as the KL does, reads something else",
                measured={"changed": ", ".join(changed)},
                expected={"changed": "nothing"},
                hint="write std = torch.exp(0.5 * logvar) and z = mu + std * eps: operations that end in _ overwrite their tensor",
            )
        if controllable and not torch.equal(z, subject.draw(mu, logvar, noise)):
            return violated(
                "two draws under one seed differ",
                hint="draw the noise with torch's own generators, so that torch.manual_seed makes a run repeatable",
            )
        return None

    if counterexample := explore(trial, st.tuples(code_batches(), st.booleans()), examine):
        return counterexample
    return holds(
        "keeps shape and dtype, leaves its arguments alone" + (", repeatable under one seed" if controllable else ""),
        measured={"examples": trial.examples},
        smallest_effect="any difference",
    )


REP_06 = Claim(
    id="REP-06",
    title="a well-mannered sampling step",
    level=Level.REQUIRED,
    statement="the sampling step keeps shape, dtype and device, changes no argument, and is repeatable under one seed",
    sources=(ENGINEERING,),
    why="A fixed batch size fails at the last batch of an epoch, a fixed dtype at mixed precision, and hidden randomness makes every"
    " bug hunt longer.",
    hint="eps = torch.randn_like(std): shape, dtype and device follow",
    decision="exact, Hypothesis over batch sizes, magnitudes and two dtypes",
    mistakes=("batch-size-frozen", "cuda-always"),
    needs=(Part.DRAW,),
    check=check_manners,
    rank=110,
    spends_error_budget=False,
    at_other_sizes=True,
)
