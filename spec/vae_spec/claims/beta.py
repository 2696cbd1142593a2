"""BETA: paired trainings at beta 0.1, 1 and a large one, and without a KL; also TRN-05 and COL-03, on what beta does to information."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from vae_spec.bounds import above
from vae_spec.calibration import MODERATE_PAIRED, NO_PIXEL_VARIANCE, NOT_ROWS, NOT_SERIES, PAIRED, ROWS, SERIES
from vae_spec.claim import Claim, Experiment, TrainedCheck
from vae_spec.claims.phenomena import images_only, plain_objective, priced
from vae_spec.diagnosis import Role
from vae_spec.documents import basics, notes
from vae_spec.evidence import Arm, Group
from vae_spec.outcomes import Level, Number, Outcome, Verdict, not_applicable
from vae_spec.statistics.comparisons import MMD_FLOOR, coverage, discrepancy, information
from vae_spec.statistics.functionals import kl
from vae_spec.statistics.seeds import combine
from vae_spec.subject import Facts
from vae_spec.trained import arm, by_bounds, collapsed, decided, not_comparable

_UNUSED = ("beta-unused", "decoder-ignores-z", "encoder-ignores-x")
_LOSES = (
    above(
        "reconstruction lost from beta 0.1 to 1, share of its drop",
        -0.1,
        "sound: 0.0017 and more, -0.008 with few steps, since at 0.1 a short training need not be at its optimum, where alone the order is"
        " strict; an unused beta: 0, so this rejects only a beta that works the other way",
        scope=PAIRED,
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
)
_LESS_KL = above("log of KL, beta 0.1 over 1", 0.2, "sound: 0.39 and more; an unused beta, or an unused code: 0")
_SWEEP = (Arm.SMALL, Arm.OWN, Arm.LARGE)
_LARGE = "the large beta is 4, for items of more than 784 entries 4 times their number over 784, because a likelihood is a sum over entries"
_OVER_THE_END = "the reconstruction's differences over the last tenth of the training"


def _reporting(*of: str) -> TrainedCheck:
    """Return a judge that decides by the bounds and also reports these numbers at each beta."""

    def judge(claim: Claim, groups: Sequence[Group], facts: Facts) -> Verdict:
        return not_comparable(groups) or _with_means(by_bounds(claim, groups, facts), groups, *of)

    return judge


def _with_means(verdict: Verdict, groups: Sequence[Group], *of: str) -> Verdict:
    """Add the means over seeds of these numbers at each beta to the verdict."""
    means: dict[str, Number] = {}
    for name in of:
        number = {"KL, nats": kl, "information, nats": information, "coverage of prior samples": coverage}[name]
        for which in _SWEEP:
            means[f"{name} at beta {groups[0][which].recipe.beta:.3g}"] = sum(map(number, arm(groups, which))) / len(groups)
    return replace(verdict, measured={**verdict.measured, **means})


def _noting_collapse(verdict: Verdict, groups: Sequence[Group]) -> Verdict:
    """Note in the message if the latent has collapsed at the large beta, which is not a violation."""
    large = arm(groups, Arm.LARGE)
    if verdict.outcome is not Outcome.HOLDS or not collapsed(large):
        return verdict
    return replace(verdict, message=f"{verdict.message}; at beta {large[0].recipe.beta:.3g} it has collapsed")


TRN_05 = Claim(
    id="TRN-05",
    title="the KL is information",
    level=Level.EXPECTED,
    statement="of paired trainings at beta 0.1, 1 and a large one, the one that ends with the higher KL reconstructs better: at 1 than at"
    " the large one by more than 2 % of the reconstruction's drop (12 % for rows), at 0.1 no more than 10 % worse than at 1",
    formula="KL(β = 0.1) > KL(β = 1),  L_rec(β = 1) + 0.02 Δ < L_rec(β large),  L_rec(β = 0.1) < L_rec(β = 1) + 0.1 Δ",
    sources=(notes("13.4.1.3"),),
    why="The notes read the growing KL as information that the code takes up while the reconstruction falls. Between trainings that have"
    " converged that is so for every sound model; with few steps, a head that is sigma itself reconstructed 0.8 % worse at 0.1 than at 1"
    " (after ten times as many, better). Within one it is so from 16 dimensions on (rank correlation over the steps .8 to .96); with two"
    " or four the KL falls back while the reconstruction still improves.",
    hint="if both trainings end alike, the KL's weight does not reach the loss, or the code is not used",
    measured=f"{_OVER_THE_END}, and the held-out KL; {_LARGE}",
    mistakes=_UNUSED,
    applies=priced,
    rank=370,
    experiment=Experiment.SWEEP,
    bounds=(*_LOSES, replace(_LESS_KL, scope=PAIRED)),
    conclusion="of two paired trainings, the one with the higher KL reconstructs better",
    blames="beta-unused",
    judge=_reporting("KL, nats"),
    role=Role.PHENOMENON,
    holds_when_collapsed=False,
)


BETA_01 = Claim(
    id="BETA-01",
    title="a larger beta reconstructs worse",
    level=Level.EXPECTED,
    statement="the reconstruction loss at the end of the training is higher at a large beta than at 1 by more than 2 % of its drop (12 %"
    " for rows), and at 0.1 no more than 10 % higher than at 1",
    formula="L_rec(β = 1) + 0.02 Δ < L_rec(β large),  L_rec(β = 0.1) < L_rec(β = 1) + 0.1 Δ",
    sources=(notes("13.4.6"), basics("loss")),
    why="Beta is the price of a nat of code in nats of reconstruction: the higher it is, the fewer nats are bought. At the optimum it is"
    " strict; a few per cent of the reconstruction's drop as a rule, a quarter on 8x8 digits. A training of a thousand steps need not be"
    " there at 0.1: with a head that is sigma itself the reconstruction was 0.8 % of its drop worse than at 1, and better than that after"
    " ten thousand. With four latent dimensions or fewer the code is short of room at any price, and with a variance learned for each item"
    " the price shifts: there the claim does not apply.",
    hint="see whether beta multiplies the KL, and the KL alone (OBJ-01, OBJ-04)",
    measured=f"{_OVER_THE_END}; {_LARGE}",
    mistakes=_UNUSED,
    applies=priced,
    rank=360,
    experiment=Experiment.SWEEP,
    bounds=_LOSES,
    conclusion="the reconstruction gets worse as beta rises",
    blames="beta-unused",
    role=Role.PHENOMENON,
    holds_when_collapsed=False,
)


BETA_02 = Claim(
    id="BETA-02",
    title="a larger beta has a smaller KL",
    level=Level.EXPECTED,
    statement="the KL on held-out items falls with beta from 0.1 to 1 to a large one",
    formula="KL(β = 0.1) > KL(β = 1) > KL(β large)",
    sources=(notes("13.4.6"), basics("loss")),
    why="The other side of the trade. Typically the KL falls to a third or a fifth from one of these betas to the next; on 8x8 digits,"
    " which are worth only a few nats, it falls to nothing at 4.",
    hint="see whether beta multiplies the KL (OBJ-01)",
    measured=f"the KL on held-out items; {_LARGE}",
    mistakes=("beta-unused", "autoencoder-plus-noise", "decoder-ignores-z"),
    applies=plain_objective,
    rank=350,
    experiment=Experiment.SWEEP,
    bounds=(
        _LESS_KL,
        above("log of KL, beta 1 over the large one", 0.15, "sound: 0.29 and more; an unused beta, or an unused code: 0"),
    ),
    conclusion="the KL falls as beta rises",
    blames="beta-unused",
    judge=_reporting("KL, nats"),
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
    return _with_means(_noting_collapse(verdict, groups), groups, "coverage of prior samples")


BETA_03 = Claim(
    id="BETA-03",
    title="what a small and a large beta are good for",
    level=Level.EXPECTED,
    statement="a small beta gives sharper reconstructions and codes further from the prior; a large one the reverse, until it collapses",
    formula="detail(β = 0.1) > detail(β large),  MMD²(β = 0.1) > MMD²(β large)",
    sources=(notes("13.4.6"),),
    why="The notes set sharp reconstructions against a regular latent space. Detail falls with beta for every sound model, and the codes"
    " come nearer to the prior. Samples are better at a larger beta only up to a point: their diversity is best near beta 1 or 2, and on"
    " 8x8 digits beta 4 leaves one image for every code. So samples are reported, and not judged.",
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
            scope=PAIRED,
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


def judge_information(claim: Claim, groups: Sequence[Group], facts: Facts) -> Verdict:
    """Judge COL-03; it does not apply if the latent has collapsed even at beta 0.1."""
    if bad := not_comparable(groups):
        return bad
    verdict = not_applicable("even at beta 0.1 the code carries next to nothing (see COL-01): there is nothing to lose")
    if not collapsed(arm(groups, Arm.SMALL)):
        verdict = _noting_collapse(by_bounds(claim, groups, facts), groups)
    return _with_means(verdict, groups, "information, nats", "KL, nats")


COL_03 = Claim(
    id="COL-03",
    title="too much weight leaves too little information",
    level=Level.EXPECTED,
    statement="the information that the code has about its item falls from beta 0.1 to a large one",
    formula="I(x; z) at β = 0.1 − I(x; z) at large β > {0} nat",
    sources=(notes("13.4.7"), basics("loss")),
    why="Collapse is the end of a way that begins with any weight on the KL. The mutual information of item and code is estimated from"
    " below and can say no more than the logarithm of the number of items, 6.2 nats of 500; a code with more to say is seen to lose only"
    " what falls below that. Which beta collapses depends on the data: 4 on 8x8 digits, about 30 on the same at 28x28, more on MNIST. Of"
    " the same digits at 64x64 beta 4 takes 0.1 nat, where it takes 2.2 at 28x28: so the large beta grows with the image. The KL of each"
    " dimension is in the evidence.",
    hint="see whether beta multiplies the KL (OBJ-01), and whether the code carries anything at all (COL-01)",
    measured=_LARGE,
    mistakes=_UNUSED[:1],
    applies=lambda facts: plain_objective(facts) or NO_PIXEL_VARIANCE.excludes(facts),
    rank=390,
    experiment=Experiment.SWEEP,
    bounds=(
        above(
            "information lost from beta 0.1 to the large one, nats",
            0.28,
            "half of what the sound one that loses least does: 0.56; an unused beta, or an unused code: 0",
            scope=replace(NO_PIXEL_VARIANCE, kinds=NOT_SERIES),
        ),
        above(
            "information lost from beta 0.1 to the large one, nats",
            0.28,
            "sound: 2.4 and more; with a variance that the loss learns 0.18, since at either beta it says more than can be measured",
            scope=replace(NO_PIXEL_VARIANCE, learned_scale=False, kinds=SERIES),
        ),
    ),
    conclusion="the code says less about its item as beta rises",
    blames="beta-unused",
    judge=judge_information,
    role=Role.PHENOMENON,
    holds_when_collapsed=False,
)
