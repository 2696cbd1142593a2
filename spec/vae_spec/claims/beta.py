"""BETA: paired trainings at beta 0.1, 1 and a large one, and without a KL."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from vae_spec.bounds import above
from vae_spec.calibration import IMAGES, MODERATE_PAIRED, NOT_IMAGES, NOT_ROWS, NOT_SERIES, PAIRED, ROWS, SERIES
from vae_spec.claim import Claim, Experiment
from vae_spec.claims.phenomena import images_only, plain_decoding, priced
from vae_spec.diagnosis import Role
from vae_spec.documents import basics, notes
from vae_spec.evidence import Arm, Group, TrainedRun
from vae_spec.outcomes import Level, Number, Outcome, Verdict
from vae_spec.statistics.comparisons import MMD_FLOOR, coverage, discrepancy, information
from vae_spec.statistics.functionals import FUNCTIONALS, kl
from vae_spec.statistics.seeds import combine
from vae_spec.subject import Facts
from vae_spec.trained import arm, by_bounds, collapsed, decided, not_comparable

_UNUSED = ("beta-unused", "decoder-ignores-z", "encoder-ignores-x")
_SWEEP = (Arm.SMALL, Arm.OWN, Arm.LARGE)
_LARGE = "the large beta is 4, for items of more than 784 entries 4 times their number over 784, because a likelihood is a sum over entries"
_COVERAGE, _BLUR = "coverage of prior samples", "detail of prior samples over the data's"


def _detail_of_samples(run: TrainedRun) -> float:
    return math.exp(FUNCTIONALS["log of the samples' detail over the data's"](run))


def _with_means(verdict: Verdict, groups: Sequence[Group], *of: str) -> Verdict:
    """Add the means over seeds of these numbers at each beta to the verdict, and the range over seeds of those of samples."""
    means: dict[str, Number] = {}
    for name in of:
        number = {"KL, nats": kl, "information, nats": information, _COVERAGE: coverage, _BLUR: _detail_of_samples}[name]
        for which in _SWEEP:
            values, label = list(map(number, arm(groups, which))), f"{name} at beta {groups[0][which].recipe.beta:.3g}"
            means[label] = sum(values) / len(values)
            if name in {_COVERAGE, _BLUR}:
                means[f"{label}, range over seeds"] = max(values) - min(values)
    return replace(verdict, measured={**verdict.measured, **means})


def _noting_collapse(verdict: Verdict, groups: Sequence[Group]) -> Verdict:
    """Note in the message if the latent has collapsed at the large beta, which is not a violation."""
    large = arm(groups, Arm.LARGE)
    if verdict.outcome is not Outcome.HOLDS or not collapsed(large):
        return verdict
    return replace(verdict, message=f"{verdict.message}; at beta {large[0].recipe.beta:.3g} it has collapsed")


def judge_trade(claim: Claim, groups: Sequence[Group], facts: Facts) -> Verdict:
    """Judge BETA-01, and report KL and information at each beta."""
    return not_comparable(groups) or _with_means(
        _noting_collapse(by_bounds(claim, groups, facts), groups), groups, "KL, nats", "information, nats"
    )


BETA_01 = Claim(
    id="BETA-01",
    title="a larger beta buys fewer nats and reconstructs worse",
    level=Level.EXPECTED,
    statement="the KL on held-out items falls with beta from 0.1 to 1 to a large one, and the reconstruction loss at the end of the"
    " training is higher at the large beta than at 1 by more than 2 % of its drop (12 % for rows), and at 0.1 no more than 5 % higher "
    "than at 1 (10 % for rows and series)",
    formula="KL(β = 0.1) > KL(β = 1) > KL(β large),  L_rec(β = 1) + 0.02 Δ < L_rec(β large),  L_rec(β = 0.1) < L_rec(β = 1) + 0.05 Δ",
    sources=(notes("13.4.1.3"), notes("13.4.6"), notes("13.4.7"), basics("loss")),
    why="Beta is the price of a nat of code in nats of reconstruction: the higher it is, the fewer nats are bought. Typically the KL falls"
    " to a third or a fifth from one of these betas to the next, and the reconstruction loses a few per cent of its drop; on 8x8"
    " digits, which are worth only a few nats, a quarter, and at 4 the KL falls to nothing. Collapse is the end of a way that begins"
    " with any weight on the KL: what the code says about its item is reported at each beta. At the optimum the order of the"
    " reconstructions is strict. A training of a thousand steps need not be there at 0.1: with a head that is sigma itself the"
    " reconstruction was 0.8 to 1.4 % of its drop worse than at 1, and better than that after ten thousand. With four latent dimensions"
    " or fewer the code is short of room at any price, and with a variance learned for each item the price shifts: there the KL alone"
    " is compared. Of the same digits at 64x64 beta 4 takes 0.1 nat of information, where it takes 2.2 at 28x28: so the large beta"
    " grows with the image.",
    hint="see whether beta multiplies the KL, and the KL alone, in every step of the training (OBJ-01, OBJ-04)",
    measured=f"the reconstruction's differences over the last tenth of the training, and the held-out KL; {_LARGE}",
    mistakes=("beta-unused", "autoencoder-plus-noise", "decoder-ignores-z", "encoder-ignores-x"),
    applies=plain_decoding,
    rank=350,
    experiment=Experiment.SWEEP,
    bounds=(
        above("log of KL, beta 0.1 over 1", 0.2, "sound: 0.39 and more; an unused beta, or an unused code: 0"),
        above("log of KL, beta 1 over the large one", 0.15, "sound: 0.29 and more; an unused beta, or an unused code: 0"),
        above(
            "reconstruction lost from beta 0.1 to 1, share of its drop",
            -0.05,
            "sound: 0.0017 and more, -0.014 with a head that is sigma itself; a beta on the reconstruction: far less",
            scope=replace(PAIRED, kinds=IMAGES),
        ),
        above(
            "reconstruction lost from beta 0.1 to 1, share of its drop",
            -0.1,
            "sound rows and series have more spread; a beta on the reconstruction: far less",
            scope=replace(PAIRED, kinds=NOT_IMAGES),
        ),
        above(
            "reconstruction lost from beta 1 to the large one, share of its drop",
            0.02,
            "sound: 0.033 and more; an unused beta, or an unused code: 0",
            scope=replace(PAIRED, kinds=NOT_ROWS),
        ),
        above(
            "reconstruction lost from beta 1 to the large one, share of its drop",
            0.12,
            "sound: 0.25 and more; an unused beta, or an unused code: 0, but with more spread than for images",
            scope=replace(PAIRED, kinds=ROWS),
        ),
    ),
    conclusion="as beta rises the KL falls and the reconstruction gets worse",
    blames="beta-unused",
    judge=judge_trade,
    role=Role.PHENOMENON,
    holds_when_collapsed=False,
)


def judge_sides(claim: Claim, groups: Sequence[Group], facts: Facts) -> Verdict:
    """Judge BETA-03: if the latents are near the prior at both betas, detail alone decides."""
    if bad := not_comparable(groups):
        return bad
    found = decided(claim, groups, facts)
    conclusion = "a small beta gives sharper reconstructions and codes further from the prior, a large one the reverse"
    if max(sum(map(discrepancy, arm(groups, which))) / len(groups) for which in (Arm.SMALL, Arm.LARGE)) < MMD_FLOOR:
        found = found[:1]
        conclusion = "a small beta gives sharper reconstructions, a large one the reverse; at neither do the codes lie far from the prior"
    verdict = combine(found, conclusion=conclusion, diagnosis="beta-unused")
    return _with_means(_noting_collapse(verdict, groups), groups, _COVERAGE, _BLUR)


BETA_03 = Claim(
    id="BETA-03",
    title="what a small and a large beta are good for",
    level=Level.EXPECTED,
    statement="a small beta gives sharper reconstructions and codes further from the prior; a large one the reverse, until it collapses",
    formula="detail(β = 0.1) > detail(β large),  MMD²(β = 0.1) > MMD²(β large)",
    sources=(notes("13.4.6"),),
    why="The notes set sharp reconstructions against a regular latent space. Detail falls with beta for every sound model, and the codes"
    " come nearer to the prior. Samples are better at a larger beta only up to a point: their diversity is best near beta 1 or 2, and on"
    " 8x8 digits beta 4 leaves one image for every code. So the coverage and the detail of samples, and how steady they are over seeds, are"
    " reported and not judged: sound samples have 0.4 to 30 times the detail of the data, since pixels that no item uses keep their noise.",
    hint="see whether beta multiplies the KL (OBJ-01), and whether training decodes draws (NET-03)",
    measured="detail is the geometric mean of the Laplacian's variance and of the energy at high frequencies, and to squared MMDs"
    f" {MMD_FLOOR} is added; where both are below that, hardly more than nothing, detail alone decides; {_LARGE}",
    mistakes=_UNUSED,
    applies=lambda facts: images_only(facts) or priced(facts),
    rank=380,
    experiment=Experiment.SWEEP,
    bounds=(
        above(
            "log of detail, beta 0.1 over the large one", 0.1, "sound: 0.22 and more; an unused beta, or an unused code: 0", scope=PAIRED
        ),
        above(
            "log of MMD to the prior, beta 0.1 over the large one",
            0.2,
            "sound: 0.35 and more; an unused beta, or an unused code: 0",
            scope=PAIRED,
        ),
    ),
    judge=judge_sides,
    role=Role.PHENOMENON,
    holds_when_collapsed=False,
)


BETA_04 = Claim(
    id="BETA-04",
    title="without the KL it is an autoencoder",
    level=Level.EXPECTED,
    statement="with beta = 0 the KL grows far beyond, the codes leave the prior, and decoded draws from N(0, I) lose the data",
    formula="KL(β = 0) > KL(β = 1),  MMD²(β = 0) > MMD²(β = 1),  plausibility(β = 0) < plausibility(β = 1)",
    sources=(notes("13.4.6"), basics("exercises")),
    why="Without its price the noise is made small and the codes are spread out, as an autoencoder's are. Reconstruction is then at its"
    " best, and the ability to generate is gone, as a rule: with BatchNorm in the encoder, which holds the codes together by itself,"
    " samples lose only a fifth of their plausibility.",
    hint="if nothing changes, the KL was not in the loss to begin with: see OBJ-01 and TRN-06",
    measured="plausibility is the geometric mean of coverage and density; MMDs are squared",
    mistakes=("beta-unused", "autoencoder-plus-noise"),
    applies=priced,
    rank=400,
    experiment=Experiment.WITHOUT_KL,
    bounds=(
        above("log of KL without its term", 0.5, "sound: 1.2 and more; without a KL to begin with: 0", scope=PAIRED),
        above(
            "log of plausible samples lost without the KL",
            0.0,
            "sound: 0.21 and more; without a KL to begin with: 0; the border is the claim's own word",
            scope=replace(PAIRED, kinds=NOT_SERIES),
        ),
        above(
            "log of MMD to the prior without the KL",
            0.5,
            "sound: 0.91 and more; without a KL to begin with: 0",
            scope=replace(MODERATE_PAIRED, kinds=NOT_SERIES),
        ),
        above(
            "log of MMD to the prior without the KL",
            0.3,
            "sound: 0.67 and more, with a variance that the loss learns; without a KL to begin with: 0",
            scope=replace(MODERATE_PAIRED, kinds=SERIES),
        ),
    ),
    conclusion="without the KL the codes leave the prior, and its draws decode to far less of the data",
    blames="autoencoder-plus-noise",
    role=Role.PHENOMENON,
    holds_when_collapsed=False,
)
