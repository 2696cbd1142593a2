"""INT-01 and INT-02: decoded paths between two latents."""

from __future__ import annotations

from collections.abc import Sequence

from vae_spec.bounds import below
from vae_spec.claim import Claim, Experiment
from vae_spec.claims.phenomena import decodes_latents, mean, ratio
from vae_spec.diagnosis import Role
from vae_spec.documents import basics, notes
from vae_spec.evidence import Group
from vae_spec.outcomes import Level, Number, Verdict, holds, not_applicable
from vae_spec.statistics.functionals import INFORMATIVE_KL
from vae_spec.subject import Facts
from vae_spec.trained import by_bounds, collapsed, not_comparable, own

_MIDDLE = "log of mid-path density over the autoencoder's"


def judge_smooth(claim: Claim, groups: Sequence[Group], facts: Facts) -> Verdict:
    """Judge INT-01 by its bounds; it does not apply if the latent has collapsed."""
    if collapsed(own(groups)):
        return not_applicable("the code carries next to nothing (see COL-01): what is decoded hardly moves, smoothly or not")
    return by_bounds(claim, groups, facts)


INT_01 = Claim(
    id="INT-01",
    title="interpolations are smooth",
    level=Level.EXPECTED,
    statement="what is decoded along a straight line between the means of two items changes smoothly, without a jump",
    formula="max ‖x̂ₜ₊₁ − 2 x̂ₜ + x̂ₜ₋₁‖ / mean ‖x̂ₜ₊₁ − x̂ₜ‖ < {0},  x̂ₜ = decode((1 − t) mu₁ + t mu₂)",
    sources=(notes("13.4.5"), basics("diagnostics")),
    why="The notes decode lines between two codes and see one digit turn into the other. It is so for every sound VAE. It is no mark of a"
    " VAE: an autoencoder's decoder is as continuous, and its lines are as smooth. What fails is a decoder that jumps, of a rounded code"
    " for example.",
    hint="look for rounding, argmax or table look-ups between z and the decoder's output",
    measured="the largest second difference of 21 decoded points, mean over 40 lines between items of different classes; not applicable"
    f" where the KL is below {INFORMATIVE_KL:g} nat",
    mistakes=("rounded-code", "memorising-decoder"),
    applies=decodes_latents,
    rank=330,
    experiment=Experiment.IMAGES,
    bounds=(
        below(
            "second difference over the mean step",
            1.2,
            "sound: 0.6 at most, 0.93 on MNIST; codes rounded to half a standard deviation: 2.4 and more",
        ),
    ),
    conclusion="what is decoded along straight lines changes smoothly",
    blames="rounded-code",
    judge=judge_smooth,
    as_it_is=True,
    role=Role.ALONE,
    holds_when_collapsed=False,
)


def judge_middles(_claim: Claim, groups: Sequence[Group], _facts: Facts) -> Verdict:
    """Report mid-path densities for INT-02."""
    if bad := not_comparable(groups):
        return bad
    found: dict[str, Number] = {
        "half-way between two draws from the prior, density over the autoencoder's": ratio(groups, _MIDDLE),
        "seeds": len(groups),
    }
    for name in ("mid-path density over the ends'", "mid-path density over the cross-fade's"):
        found[f"between the codes of two items, {name}"] = mean(own(groups), name)
    rows = [f"{name}: {value:.2f}" for name, value in found.items() if isinstance(value, float)]
    return holds("\n".join(rows), measured=found, expected={"densities": "reported, not judged"}, smallest_effect="none: it reports")


INT_02 = Claim(
    id="INT-02",
    title="paths stay where data is",
    level=Level.INFORMATIONAL,
    statement="how densely what lies half-way between two codes lies in the data is reported: beside its ends, a cross-fade of the two"
    " images, and the subject's own autoencoder",
    sources=(notes("13.4.5"), basics("diagnostics")),
    why="The notes find that what lies between two codes is no noise. Between the codes of two items the middles of every sound VAE are"
    " denser in the data than a cross-fade of the images and less dense than the ends; an autoencoder's are only a little less dense, and"
    " at two latent dimensions denser. Between two draws from the prior a VAE's middles are 1.4 to 14 times as dense as its autoencoder's"
    " from five dimensions on, but so unsteadily over seeds that no bound with a margin tells sound from broken. So it is reported.",
    hint="nothing to fix",
    decision="densities in feature space of the middle halves of 40 paths; reported",
    applies=decodes_latents,
    rank=None,
    experiment=Experiment.CONTRAST,
    judge=judge_middles,
    role=Role.CAUSE,
    holds_when_collapsed=False,
)
