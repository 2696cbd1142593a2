"""COL-01: the latent carries information, and the decoder uses it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from vae_spec.bounds import above, below
from vae_spec.calibration import EVERYWHERE, IMAGES, NOT_IMAGES
from vae_spec.claim import Claim, Experiment
from vae_spec.claims.phenomena import mean, trainable_items
from vae_spec.diagnosis import Role
from vae_spec.documents import basics, notes
from vae_spec.evidence import Group
from vae_spec.outcomes import Level, Outcome, Verdict
from vae_spec.statistics.functionals import ACTIVE_VARIANCE, INFORMATIVE_KL
from vae_spec.statistics.seeds import combine
from vae_spec.subject import Facts
from vae_spec.trained import decided, not_comparable, own

_GAP = above("R2 lost to another item's code", 0.2, "sound: 0.76 and more; collapsed, or with a decoder that ignores z: 0.0003 and less")

_WIDTH = "posterior variance in the narrowest dimension"


def judge_not_collapsed(claim: Claim, groups: Sequence[Group], facts: Facts) -> Verdict:
    """Judge COL-01 by its bounds; given weights leave open whether the KL dominates the loss."""
    if bad := not_comparable(groups):
        return bad
    runs, found = own(groups), decided(claim, groups, facts)
    if facts.autoregressive:
        # What such a decoder makes of a code alone is not what its training reconstructs.
        found = [one for one in found if one.rule.name != _GAP.statistic]
    # An autoregressive decoder can collapse without any mistake in the reductions.
    cause = None if facts.autoregressive else "recon-mean-kl-sum"
    verdict = combine(found, conclusion=f"{mean(runs, 'active units'):.1f} active units", diagnosis=cause)
    if verdict.outcome is Outcome.HOLDS and facts.given_weights:
        return replace(verdict, message=f"{verdict.message}\nwhether the KL dominates the loss is left open: that takes a training")
    if verdict.outcome is not Outcome.VIOLATED:
        return verdict
    gap = mean(runs, _GAP.statistic)
    silent, unused = Outcome.VIOLATED in {found[0].outcome, found[1].outcome}, gap < _GAP.value
    wide = any(one.rule.name == _WIDTH and one.outcome is Outcome.VIOLATED for one in found)
    if silent and unused:
        words = f"the posterior has collapsed: the code carries next to nothing, and exchanging codes costs {gap:.2g} of R2"
    elif silent:
        words = f"the code is silent by its numbers, but exchanging codes costs {gap:.2g} of R2: mu, logvar and z do not belong together"
    else:
        dear = "posteriors are about as wide as the prior" if wide else "the KL costs a good part of what it buys"
        words = "the decoder does not use the code" if unused else dear
    return replace(verdict, message=f"{words}\n{verdict.message}", diagnosis=verdict.diagnosis if silent and unused else None)


COL_01 = Claim(
    id="COL-01",
    title="the posterior has not collapsed",
    level=Level.EXPECTED,
    statement="at least two latent dimensions are active (one, where there are only one or two), the KL is well above zero without"
    " dominating the loss, posteriors are narrower than the prior, and decoding another item's code reconstructs an item far worse than its"
    " own",
    formula=f"variance over items of muⱼ > {ACTIVE_VARIANCE} for two j,  KL > {{1}} nat,  KL(end) < {{2}} (L_rec(start) − L_rec(end)),"
    "  R²(own code) − R²(another item's code) > {4},  E[σⱼ²] < {5} for one j",
    sources=(notes("13.4.7"), basics("diagnostics")),
    why="Collapse is a KL near zero, a posterior that equals the prior and a decoder that ignores z, all together; the report says which of"
    f" them were seen. Active units are dimensions whose mean varies over items by more than {ACTIVE_VARIANCE} (variance). Squared error"
    " with unit variance on small images collapses in truth: its optimum needs no code. The encoder gives each item a small"
    " distribution of its own, well within the prior. A decoder that has learned"
    " the data without the code does not care which code it gets. The opposite sign is a KL that costs a good part of what it buys in"
    " reconstruction, as without its weight.",
    hint="too much weight on the KL (a reconstruction averaged over pixels is the usual way), an encoder cut off from x, or no gradient"
    " through the sampling step",
    measured="the activity is the variance over items of the mean of the second dimension (of the first, where there are one or two)",
    mistakes=("recon-mean-kl-sum", "no-encoder-gradient", "encoder-ignores-x", "decoder-ignores-z", "eps-shrunk"),
    applies=trainable_items,
    rank=280,
    experiment=Experiment.IMAGES,
    bounds=(
        above(
            "log10 of the activity needed",
            math.log10(ACTIVE_VARIANCE),
            "sound: -0.2 and more; collapsed: -5 and less",
            source="the border: Burda et al. 2016, section 5.1",
        ),
        above("held-out KL, nats", INFORMATIVE_KL, "sound: 3.0 and more; collapsed: 0.08 and less"),
        below(
            "KL over the reconstruction's drop",
            0.2,
            "sound: 0.13 at most, with a spread of 0.004; trained without a KL: 0.3 and more, with one of the wrong sign: without limit",
            scope=replace(EVERYWHERE, kinds=IMAGES),
        ),
        below(
            "KL over the reconstruction's drop",
            0.5,
            "sound: 0.35 at most; with a KL of the wrong sign: without limit",
            scope=replace(EVERYWHERE, kinds=NOT_IMAGES),
        ),
        _GAP,
        below(
            _WIDTH,
            0.5,
            "sound: 0.21 at most, on 8x8 images; collapsed, or with noise annealed away: 0.87 and more; the prior's own: 1",
            scope=replace(EVERYWHERE, kinds=IMAGES),
        ),
    ),
    judge=judge_not_collapsed,
    as_it_is=True,
    role=Role.CAUSE,
    holds_when_collapsed=False,
)
