"""INT-03: an interpolation begins and ends with the reconstructions of its two images."""

from __future__ import annotations

import torch
from hypothesis import strategies as st

from vae_spec.claim import Claim
from vae_spec.claims.forward import teacher_forced
from vae_spec.claims.networks import CLOSE, far, probe_images
from vae_spec.documents import notes
from vae_spec.exploration import explore
from vae_spec.outcomes import Level, Verdict, holds, violated
from vae_spec.strategies import Pixels, pixel_kinds
from vae_spec.subject import Mode, Noise, Part, Subject
from vae_spec.trial import Trial

EXAMPLES = 20

lines_between_images = st.tuples(st.integers(3, 21), pixel_kinds)
"""(points of the line, kind of pixels)."""


def check_ends(subject: Subject, trial: Trial) -> Verdict:
    """The decoded line's ends are the zero-noise forward reconstructions of the two images, in eval mode."""

    def examine(example: tuple[int, Pixels]) -> Verdict | None:
        points, kind = example
        x = probe_images(subject, trial, 2, kind, points)
        first, last = subject.posterior(x).mu
        # Uneven steps: a decoder that looks at the batch's mean must not find that of the two ends there.
        t = torch.linspace(0, 1, points, dtype=first.dtype, device=first.device).square().unsqueeze(1)
        line = subject.decode((1 - t) * first + t * last)
        passed = subject.forward(x, Noise.none(), mode=Mode.EVAL)
        for here, there in zip(line, passed.raw, strict=True):
            ends = here[[0, -1]]
            alike = ends.numel() == there.numel()
            if not alike or far(ends.reshape(there.shape), there) > CLOSE:
                return violated(
                    "the decoded line between two codes does not begin and end with what forward makes of the two images without noise",
                    measured={"relative difference": far(ends.reshape(there.shape), there) if alike else "shapes", "points": points},
                    expected={"relative difference": 0.0, "tolerance": CLOSE},
                )
        return None

    if counterexample := explore(trial, lines_between_images, examine, examples=min(trial.examples, EXAMPLES)):
        return counterexample
    return holds(
        "the ends of decoded lines are the reconstructions of their two images",
        measured={"examples": min(trial.examples, EXAMPLES)},
        smallest_effect="a relative difference of 1e-4",
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
