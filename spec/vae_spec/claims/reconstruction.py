"""REC: measures of reconstruction quality."""

from __future__ import annotations

from collections.abc import Sequence

from vae_spec.bounds import above, below
from vae_spec.claim import Claim, Experiment
from vae_spec.claims.phenomena import decodes_latents, images_only, mean, plain_objective
from vae_spec.diagnosis import Role
from vae_spec.documents import basics, notes
from vae_spec.evidence import Group
from vae_spec.outcomes import Level
from vae_spec.subject import Facts
from vae_spec.trained import own

REC_01 = Claim(
    id="REC-01",
    title="held-out items are reconstructed",
    level=Level.EXPECTED,
    statement="held-out items are reconstructed far better than the mean image does, from a draw of z as from its mean"
    " (R2 > {0} and > {1})",
    formula="R² = 1 − Σ‖x − decode(z)‖² / Σ‖x − x̄‖²;  R² > {0} at z = mu,  R² > {1} at z ~ q(z | x)",
    sources=(notes("13.4.2"),),
    why="The notes show test images above their reconstructions. R2 puts that in a number: the share of what tells the items apart that"
    " comes back. One latent dimension gives about 0.3, two about 0.5, more dimensions 0.6 to 0.85; a collapsed model or a decoder that"
    " ignores z gives 0. What is trained on are draws, and what is mostly shown are means: a posterior wider than the one trained with is"
    " seen by its draws alone.",
    hint="see whether the code is collapsed and the decoder uses it (COL-01), and whether the data fits the likelihood's"
    " range",
    measured="R2 of reconstructions of held-out items against the training's mean image",
    mistakes=("recon-mean-kl-sum", "decoder-ignores-z", "encoder-ignores-x", "double-sigmoid", "eps-shrunk", "stale-statistics"),
    applies=decodes_latents,
    rank=270,
    experiment=Experiment.IMAGES,
    bounds=(
        above("held-out R2 from mu", 0.2, "sound: 0.39 and more; collapsed, or with a decoder that ignores z: 0 and less"),
        above("held-out R2", 0.2, "sound: 0.39 and more; collapsed, or an encoder blind to x: 0.03 at most; noise annealed away: -0.14"),
    ),
    conclusion="held-out items are reconstructed far better than by the mean image",
    blames="decoder-ignores-z",
    as_it_is=True,
    role=Role.CAUSE,
    holds_when_collapsed=False,
)


NOISE_COSTS = 0.3
"""R2 that draws cost against means, from which on eval mode's noise is to blame: sound 0.15 at most, noise annealed away 0.9."""


def _eval_cause(groups: Sequence[Group], _facts: Facts) -> str:
    """Return the likelier cause of a held-out bound that differs: the size of the noise if means decode well, else a normalisation."""
    runs = own(groups)
    return "eps-shrunk" if mean(runs, "held-out R2 from mu") - mean(runs, "held-out R2") > NOISE_COSTS else "stale-statistics"


REC_05 = Claim(
    id="REC-05",
    title="the bound holds on held-out items",
    level=Level.EXPECTED,
    statement="in eval mode, held-out items have nearly the negative ELBO that training ended with: it is higher by less than a twentieth"
    " of the reconstruction's drop",
    formula="(−ELBO of held-out items − L(end)) / (L_rec(start) − L_rec(end)) < {0}",
    sources=(notes("13.4.3"), basics("diagnostics")),
    why="A generative model is one of the data, not of the items that it was trained on: its bound on log p(x) has to hold for items that"
    " it never saw, and of the model that is used afterwards, in eval mode. Curves show neither. Sound models lie within 2 % of the drop"
    " (those with a learned variance, and dropout, end below the training's loss). A posterior, or a normalisation, that eval mode changes"
    " costs tenths of it.",
    hint="compare eval mode with training mode: BatchNorm's momentum, noise or a factor that one of them changes; then the split of the"
    " data",
    measured="reconstruction and KL of held-out items, less those of the training's last tenth",
    mistakes=("stale-statistics", "eps-shrunk"),
    applies=lambda facts: images_only(facts) or plain_objective(facts),
    rank=255,
    explains=("TRN-06", "REC-01"),
    experiment=Experiment.IMAGES,
    bounds=(
        below(
            "negative ELBO of held-out items above the training's, share of its drop",
            0.05,
            "sound: 0.015 at most, with a spread of 0.003; stale running statistics: 0.18 and more, noise annealed away: 0.4",
        ),
    ),
    conclusion="held-out items have nearly the training's bound",
    blames=_eval_cause,
    role=Role.CAUSE,
    holds_when_collapsed=True,
)
