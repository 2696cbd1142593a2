"""INT-03: an interpolation starts and ends at the reconstructions of its two images."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import strategies as st

from vae_spec.checks import alike, first_violation, in_shape_of
from vae_spec.claim import Claim
from vae_spec.claims.forward import teacher_forced
from vae_spec.claims.networks import CLOSE, probe_images
from vae_spec.context import ClaimContext
from vae_spec.documents import notes
from vae_spec.exploration import FEW_EXAMPLES, for_all
from vae_spec.lazy import torch
from vae_spec.outcomes import Level, Verdict
from vae_spec.strategies import Pixels, pixel_kinds
from vae_spec.subject import Mode, Noise, Part, Subject

lines_between_images = st.tuples(st.integers(3, 21), pixel_kinds)
"""(points of the line, kind of pixels): from the two ends and a middle up to the number of points that INT-01 decodes."""


def check_ends(subject: Subject, context: ClaimContext) -> Verdict:
    """Check that the decoded line's ends are the zero-noise forward reconstructions of the two images, in eval mode."""

    @first_violation
    def examine(example: tuple[int, Pixels]) -> Iterator[Verdict | None]:
        points, kind = example
        x = probe_images(subject, context, 2, kind, points)
        first, last = subject.posterior(x).mu
        # Uneven steps, so that the batch mean differs from the mean of the two ends, for decoders that use the batch mean.
        t = torch.linspace(0, 1, points, dtype=first.dtype, device=first.device).square().unsqueeze(1)
        line = subject.decode((1 - t) * first + t * last)
        passed = subject.forward(x, Noise.none(), mode=Mode.EVAL)
        for here, there in zip(line, passed.raw, strict=True):
            yield alike(
                in_shape_of(there, here[[0, -1]]),
                there,
                CLOSE,
                what="the decoded line between two codes does not begin and end with what forward makes of the two images without noise",
                where={"points": points},
            )

    return for_all(
        context,
        lines_between_images,
        examine,
        "the ends of decoded lines are the reconstructions of their two images",
        examples=min(context.examples, FEW_EXAMPLES),
        smallest_effect=f"a relative difference of {CLOSE:g}",
    )


INT_03 = Claim(
    id="INT-03",
    title="a line ends in reconstructions",
    level=Level.REQUIRED,
    statement="the ends of the decoded straight line between two images' codes are the reconstructions of the two images: forward without"
    " noise, in eval mode",
    formula="decode((1 − t) mu₁ + t mu₂) = forward without noise of x₁ at t = 0, of x₂ at t = 1",
    sources=(notes("13.4.5"),),
    why="An interpolation is read as a way from one image to the other. It is one if what encode gives, decoded among the line's other"
    " codes, is what forward gives of the image: so nothing but the code may decide what is decoded, neither the image nor the rest of the"
    " batch.",
    hint="let forward return self.decode(z), and let an item's output depend on its own code alone",
    decision="identity in eval mode with the noise left out, Hypothesis over the number of points and kinds of pixels; relative tolerance"
    " 1e-4",
    mistakes=("decoder-sees-x",),
    needs=(Part.POSTERIOR, Part.FORWARD, Part.DECODE, Part.NOISE_CONTROL),
    check=check_ends,
    applies=teacher_forced,
    rank=60,
    spends_error_budget=False,
    at_other_sizes=False,
)
