"""REC: reconstructions compared with the originals and with those of the subject's own autoencoder."""

from __future__ import annotations

from collections.abc import Sequence

from vae_spec.bounds import below
from vae_spec.calibration import MODERATE_ENTRIES, MODERATE_PAIRED
from vae_spec.claim import Claim, Experiment
from vae_spec.claims.phenomena import images_only, mean_compared, priced, ratio
from vae_spec.diagnosis import Role
from vae_spec.documents import notes
from vae_spec.evidence import Group
from vae_spec.outcomes import Level, Verdict, holds
from vae_spec.subject import Facts
from vae_spec.trained import not_comparable

_DETAIL = "log of detail over the autoencoder's"
_LOST = "reconstruction lost to the autoencoder, share of its drop"


def _less_detail(groups: Sequence[Group], facts: Facts) -> str:
    if unasked := MODERATE_ENTRIES.excludes(facts):
        return f"reconstructions have less detail than the originals (the autoencoder's are not compared: {unasked})"
    return f"reconstructions have {ratio(groups, _DETAIL):.2f} of the detail of the autoencoder's, and less than the originals"


REC_02 = Claim(
    id="REC-02",
    title="reconstructions are smooth",
    level=Level.EXPECTED,
    statement="reconstructions of held-out items are smoother than the originals, and than those of the subject's own autoencoder",
    formula="log(detail / detail of the autoencoder) < {0}",
    sources=(notes("13.4.2"),),
    why="The notes see smooth, slightly blurred reconstructions. How much detail there is depends on the data and on the network, so no"
    " absolute number tells a VAE from an autoencoder; beside its own autoencoder (the same networks, trained with z = mu and no KL) a"
    " sound VAE is the smoother one: 0.55 to 0.9 of the detail. An autoencoder of this size is itself smoother than the originals. With"
    " four latent dimensions or fewer, or where the decoder learns a variance for each item, the difference does not show reliably: there"
    " the claim does not apply. It is a difference of small images: of 1024 entries and more the likelihood outweighs the KL so far that"
    " next to nothing may be lost to the autoencoder (2 ± 2 % and 14 ± 8 % of the detail for two convolutional VAEs at 3x32x32, 14 ± 2 %"
    " at 28x28), and only the originals are compared.",
    hint="if nothing is lost against the autoencoder, see whether training decodes the mean instead of a draw (NET-03), or leaves the KL"
    " out",
    measured="detail is the geometric mean of the Laplacian's variance and of the energy at high frequencies, which lie above the radius"
    " of the originals' last tenth of power",
    mistakes=("autoencoder-plus-noise", "beta-unused", "decoder-ignores-z", "encoder-ignores-x", "kl-sign"),
    applies=lambda facts: images_only(facts) or priced(facts),
    rank=430,
    experiment=Experiment.CONTRAST,
    bounds=(
        below(_DETAIL, -0.05, "sound: -0.12 at most; without a KL: 0.01, with a decoder that ignores z: 0", scope=MODERATE_PAIRED),
        below(
            "high frequencies over the originals'",
            0.95,
            "sound: 0.74 at most; with a KL of the wrong sign: 13; as much as the originals: 1",
        ),
    ),
    conclusion=_less_detail,
    role=Role.PHENOMENON,
    holds_when_collapsed=False,
)


def judge_given_up(_claim: Claim, groups: Sequence[Group], _facts: Facts) -> Verdict:
    """Report for REC-03 what the reconstruction gives up against the autoencoder."""
    if bad := not_comparable(groups):
        return bad
    lost = mean_compared(groups, _LOST)
    words = f"the autoencoder reconstructs about as closely: it ends {-lost:.1%} of its drop above the VAE"
    if lost > 0:
        words = f"the autoencoder reconstructs more closely: the VAE does without {lost:.1%} of its drop"
    return holds(
        words,
        measured={_LOST: lost, "seeds": len(groups)},
        expected={_LOST: "reported, not judged"},
        smallest_effect="none: it reports",
    )


REC_03 = Claim(
    id="REC-03",
    title="what the reconstruction gives up",
    level=Level.INFORMATIONAL,
    statement="how much more closely the subject's own autoencoder, of the same size and training, reconstructs is reported",
    sources=(notes("13.4.2"),),
    why="What a VAE gives up for a code that can be sampled is closeness: the noise and the KL's price keep the code from saying all it"
    " could. On the items trained on, a sound VAE does without up to 13 % of the autoencoder's drop, and nearly all do without some. Not"
    " all: a thousand steps need not bring an autoencoder further, and on large images there is little to give up (tanh units at 28x28:"
    " -0.5 ± 2.3 %; perceptrons at 3x64x64: -1.5 ± 1.9 %). A VAE trained without its KL gives up 0 %, which no bound with a margin tells"
    " from the least that a sound one does (0.5 ± 0.3 %). So it is reported; that something is lost, REC-02 and LAT-02 judge.",
    hint="nothing to fix",
    decision="the difference of the reconstruction terms over the last tenth of the training, as a share of the autoencoder's drop;"
    " reported",
    applies=priced,
    rank=None,
    experiment=Experiment.CONTRAST,
    judge=judge_given_up,
    role=Role.CAUSE,
    holds_when_collapsed=False,
)
