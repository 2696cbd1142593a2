"""LAT: the distribution of the latents."""

from __future__ import annotations

from collections.abc import Sequence

from vae_spec.bounds import below, between
from vae_spec.calibration import MODERATE, MODERATE_PAIRED
from vae_spec.claim import Claim, Experiment
from vae_spec.claims.phenomena import mean, measure, plain_objective, trainable_items
from vae_spec.diagnosis import Role
from vae_spec.documents import notes
from vae_spec.evidence import Group
from vae_spec.outcomes import Level, Verdict, holds
from vae_spec.subject import Facts
from vae_spec.trained import not_comparable, own

_ACCURACY = "label accuracy of neighbouring means over chance"


def judge_arrangement(_claim: Claim, groups: Sequence[Group], _facts: Facts) -> Verdict:
    """Report for LAT-01 how classes lie in the latent space."""
    if bad := not_comparable(groups):
        return bad
    runs = own(groups)
    parts = max(measure(runs, "connected parts of the means"))
    accuracy, beside = mean(runs, _ACCURACY), mean(runs, "share of means beside another class")
    islands = "one connected whole" if parts == 1 else f"{parts:.0f} separate parts"
    return holds(
        f"the nearest training means tell a held-out item's class in {accuracy:.0%} of what chance leaves; the means form {islands} when"
        f" each is joined with its ten nearest, and {beside:.0%} of them have one of another class there",
        measured={
            _ACCURACY: accuracy,
            "connected parts": parts,
            "share of means beside another class": beside,
            "seeds": len(groups),
        },
        expected={"classes in the latent space": "reported, not judged"},
        smallest_effect="none: it reports",
    )


LAT_01 = Claim(
    id="LAT-01",
    title="classes in the latent space",
    level=Level.INFORMATIONAL,
    statement="how far means of one class lie together, and whether classes are joined or islands, is reported",
    sources=(notes("13.4.4"),),
    why="The notes colour the means by class and see groups that touch, without sharp gaps, though training saw no label. That is so for"
    " every sound VAE measured (0.55 and more of what chance leaves, in one piece), and for every autoencoder as well; the tiny means of a"
    " collapsed model may still tell classes (0.35), since only their order counts. An encoder blind to x tells none (-0.02), which NET-01"
    " and REC-01 reject. No mistake shows here alone, so it is reported, and judges nothing.",
    hint="nothing to fix",
    decision="accuracy of the vote of the 5 nearest of 1000 training means, as a share of what chance leaves to gain; connected parts of"
    " the graph that joins each held-out mean with its ten nearest, and the share of means with a neighbour of another class; reported",
    applies=trainable_items,
    rank=None,
    experiment=Experiment.IMAGES,
    judge=judge_arrangement,
    as_it_is=True,
    role=Role.CAUSE,
    holds_when_collapsed=False,
)


LAT_02 = Claim(
    id="LAT-02",
    title="the codes are pulled to the prior",
    level=Level.EXPECTED,
    statement="the codes of all items together keep to N(0, I) and do not spread without bound; those of the subject's own autoencoder do",
    formula="q(z) = E[q(z | x)] over items x,  {0} < log of its mean variance < {1}",
    sources=(notes("13.4.4"),),
    why="The KL holds each posterior to N(0, I), and so their mixture: its variance stays near 1 in every dimension (up to 2 where one or"
    " two dimensions have to hold everything), and its maximum mean discrepancy to the prior near 0. An autoencoder's codes spread as far"
    " as it suits the decoder. Of items with many entries the likelihood, a sum over them, outweighs the KL: at 1x64x64 and 3x64x64 a"
    " sound VAE's codes spread to a variance of 2.9 and 2.5, so the claim is for items of up to 1024. The discrepancy is an integral over"
    " the posteriors, exact but for the choice of items.",
    hint="if the codes spread, the KL does not reach the encoder: see OBJ-04, KL-05, and the sign of each of its terms",
    measured="the aggregate posterior's mean variance over dimensions, and its squared MMD to N(0, I)",
    mistakes=("autoencoder-plus-noise", "kl-sign"),
    applies=lambda facts: plain_objective(facts) or MODERATE.excludes(facts),
    rank=410,
    experiment=Experiment.CONTRAST,
    bounds=(
        *between(
            "log of the codes' variance",
            -0.6,
            1.1,
            "sound: -0.17 to 0.68; without a KL: 2.5, with one of the wrong sign: 50",
            scope=MODERATE,
        ),
        below("log of MMD to the prior over the autoencoder's", -0.5, "sound: -0.83 at most; without a KL: -0.02", scope=MODERATE_PAIRED),
    ),
    conclusion=lambda groups, _facts: (
        "the codes are pulled to N(0, I), and the autoencoder's are not"
        if len(groups[0]) > 1
        else "the codes are pulled to N(0, I) (whether an autoencoder's are not is left open: that takes a training)"
    ),
    blames="autoencoder-plus-noise",
    as_it_is=True,
    role=Role.PHENOMENON,
    holds_when_collapsed=False,
)
