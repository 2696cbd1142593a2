"""REP-04 to REP-06: gradients flow through the sampling step, and it has no side effects."""

from __future__ import annotations

import math
from collections.abc import Iterator

from hypothesis import strategies as st

from vae_spec.checks import NEAR, Cause, close, entry, first_violation, likely, positive, same, unchanged, worst
from vae_spec.claim import Claim
from vae_spec.claims.noise import REPORTED_SHARE
from vae_spec.claims.sampling import float32_codes, rounding, within_clamp
from vae_spec.context import ClaimContext
from vae_spec.documents import ENGINEERING, basics
from vae_spec.exploration import for_all, generator
from vae_spec.lazy import torch
from vae_spec.outcomes import Level, Verdict
from vae_spec.statistics.pivots import Pivot, quadratic_tail
from vae_spec.statistics.two_stage import decide
from vae_spec.strategies import CodeBatch, ConstantCode, code_batches, constant_codes
from vae_spec.subject import Noise, Part, Subject

PRODUCT_ROUNDING = 1e-6
"""Float32 rounding of the product of a cotangent and a gradient, relative to the cotangent."""
REP_05_DRAWS = 2048
REP_05_EXAMPLES = 12
"""Half of REP-02's: a draw costs two backward passes here, and REP-02 and REP-04 already detect wrong noise and gradients."""

# REP-04 ---------------------------------------------------------------------------------------------------------------------------------


def check_pathwise(subject: Subject, context: ClaimContext) -> Verdict:
    """Check that dz/dmu = 1 and dz/dlogvar = (z - mu) / 2."""
    blocked = "sample() instead of rsample(), torch.normal(mu, std), detach, .data or no_grad in the sampling step stops the gradient"

    @first_violation
    def examine(codes: CodeBatch) -> Iterator[Verdict | None]:
        mu, logvar = float32_codes(codes, subject, context)
        drawn = torch.randn(mu.shape, generator=generator(context, codes, "cotangent"))
        cotangent = torch.where(drawn == 0, 1.0, drawn)  # the result is divided by it
        found = subject.draw_vjp(mu, logvar, Noise(seed=context.rng_seed(codes, "noise")), cotangent)
        sigma = torch.exp(0.5 * logvar)
        moved = found.z - mu
        within = rounding(mu, sigma, moved / sigma) + PRODUCT_ROUNDING
        for name, gradient, wanted, size in (
            ("mu", found.mu, torch.ones_like(mu), torch.ones_like(mu)),
            ("logvar", found.logvar, moved / 2, (sigma + moved.abs()) / 2),
        ):
            if gradient is None or (wanted.any() and not gradient.any()):
                yield positive(
                    f"largest dz/d{name}",
                    0.0,
                    what=f"no gradient flows from z back to {name}",
                    because=Cause("no-encoder-gradient", hint=blocked),
                )
                return
            allowed = within + REPORTED_SHARE * size
            at = worst(gradient, cotangent * wanted, cotangent.abs() * allowed)
            there, ours, tolerance = entry(at, gradient / cotangent, wanted, allowed)
            yield close(
                f"dz/d{name}",
                there,
                ours,
                tolerance,
                where={"batch": codes.batch},
                because="std-no-half" if abs(there - 2 * ours) < NEAR * abs(2 * ours) else None,
            )

    return for_all(
        context, within_clamp, examine, "dz/dmu = 1 and dz/dlogvar = (z - mu)/2", smallest_effect=f"a deviation of {REPORTED_SHARE:g}"
    )


REP_04 = Claim(
    id="REP-04",
    title="gradients flow through the sampling step",
    level=Level.REQUIRED,
    statement="gradients flow through the sampling step and are right: dz/dmu = 1 and dz/dlogvar = (z - mu)/2",
    formula="∂z/∂mu = 1,  ∂z/∂logvar = (z − mu) / 2",
    sources=(basics("sampling"),),
    why="This is what the reparameterization is for: randomness outside, mu and logvar on the path. torch.normal(mu, std) even gives"
    " gradients of zero rather than none, so presence is not enough.",
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


def check_expected_gradients(subject: Subject, context: ClaimContext) -> Verdict:
    """Compare pathwise gradients of E[z] and E[z^2] / 2, summed over many draws, with the analytic ones by their exact laws."""
    d = subject.facts.latent_dim
    draws = max(4, math.ceil(REP_05_DRAWS / d)) * d
    level = context.level / REP_05_EXAMPLES

    def examine(code: ConstantCode) -> Verdict | None:
        sigma = math.exp(code.logvar / 2)

        def measure(draws: int, stage: int) -> list[Pivot]:
            mu, logvar = code.tensors(draws // d, d)
            noise = Noise(seed=context.rng_seed(code, stage))
            ones = subject.draw_vjp(mu, logvar, noise, torch.ones_like(mu))
            # The gradient of z^2 / 2 has the cotangent z: the same draw, weighted by itself.
            square = subject.draw_vjp(mu, logvar, noise, ones.z)
            n = mu.numel()
            sums = [0.0 if one is None else float(one.sum()) for one in (ones.logvar, square.mu, square.logvar)]
            return [
                Pivot("d E[z] / d logvar", sums[0] / n, 0.0, quadratic_tail(sums[0], n, 0.0, sigma / 4)),
                Pivot("d E[z^2/2] / d mu", sums[1] / n, code.mu, quadratic_tail(sums[1] - n * code.mu, n, 0.0, sigma / 2)),
                Pivot("d E[z^2/2] / d logvar", sums[2] / n, sigma**2 / 2, quadratic_tail(sums[2], n, sigma**2 / 2, code.mu * sigma / 4)),
            ]

        return likely(decide(measure, draws=draws, level=level), level)

    return for_all(
        context,
        constant_codes(),
        examine,
        "pathwise gradients of E[z] and E[z^2] are the analytic ones",
        examples=REP_05_EXAMPLES,
        simplify=False,
        measured={"draws an example": draws},
        expected={"level": context.level},
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
    mistakes=("no-encoder-gradient", "eps-from-rand", "unseeded-noise"),
    needs=(Part.DRAW,),
    check=check_expected_gradients,
    rank=120,
    spends_error_budget=True,
    at_other_sizes=False,
)

# REP-06 ---------------------------------------------------------------------------------------------------------------------------------


def check_manners(subject: Subject, context: ClaimContext) -> Verdict:
    """Check that shape, dtype and device are preserved, arguments are not modified, and a seed determines the result."""
    controllable = subject.facts.parts[Part.NOISE_CONTROL].standing.value == "present"

    @first_violation
    def examine(example: tuple[CodeBatch, bool]) -> Iterator[Verdict | None]:
        codes, double = example
        mu, logvar = codes.tensors(subject.facts.latent_dim, generator(context, codes), torch.float64 if double else torch.float32)
        noise = Noise(seed=context.rng_seed(codes, "noise"))
        z = subject.draw(mu, logvar, noise)
        yield same("shape", str(tuple(z.shape)), str(tuple(mu.shape)), what="z is not like mu", because="batch-size-frozen")
        yield same("dtype", str(z.dtype), str(mu.dtype), what="z is not like mu")
        yield same("device", z.device.type, mu.device.type, what="z is not like mu")
        changed = subject.draw_changes(mu, logvar, noise)
        yield same(
            "changed",
            ", ".join(changed) or "nothing",
            "nothing",
            what=f"the sampling step changes {' and '.join(changed)} in place: what reads {'it' if len(changed) == 1 else 'them'}"
            " afterwards, as the KL does, reads something else",
            because=Cause(
                hint="write std = torch.exp(0.5 * logvar) and z = mu + std * eps: operations that end in _ overwrite their tensor"
            ),
        )
        if controllable:
            repeatable = "draw the noise with torch's own generators, so that torch.manual_seed makes a run repeatable"
            again = subject.draw(mu, logvar, noise)
            yield unchanged([z], [again], what="two draws under one seed differ", because=Cause(hint=repeatable))

    return for_all(
        context,
        st.tuples(code_batches(), st.booleans()),
        examine,
        "keeps shape and dtype, leaves its arguments alone" + (", repeatable under one seed" if controllable else ""),
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
