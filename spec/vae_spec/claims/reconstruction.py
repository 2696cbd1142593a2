"""REC: measures of reconstruction quality."""

from __future__ import annotations

from vae_spec.bounds import above
from vae_spec.claim import Claim, Experiment
from vae_spec.claims.phenomena import decodes_latents
from vae_spec.diagnosis import Role
from vae_spec.documents import notes
from vae_spec.outcomes import Level

REC_01 = Claim(
    id="REC-01",
    title="held-out items are reconstructed",
    level=Level.EXPECTED,
    statement="held-out items are reconstructed far better than the mean image does (R2 > {0} from z = mu)",
    formula="R² = 1 − Σ‖x − decode(mu)‖² / Σ‖x − x̄‖² > {0}",
    sources=(notes("13.4.2"),),
    why="The notes show test images above their reconstructions. R2 puts that in a number: the share of what tells the items apart that"
    " comes back. One latent dimension gives about 0.3, two about 0.5, more dimensions 0.6 to 0.85; a collapsed model or a decoder that"
    " ignores z gives 0.",
    hint="see whether the decoder uses z (COL-02), whether the code is collapsed (COL-01), and whether the data fits the likelihood's"
    " range",
    measured="R2 of reconstructions from the posterior means of held-out items",
    mistakes=("recon-mean-kl-sum", "decoder-ignores-z", "encoder-ignores-x", "double-sigmoid"),
    applies=decodes_latents,
    rank=270,
    experiment=Experiment.IMAGES,
    bounds=(above("held-out R2 from mu", 0.2, "sound: 0.39 and more; collapsed, or with a decoder that ignores z: 0 and less"),),
    conclusion="held-out items are reconstructed far better than by the mean image",
    blames="decoder-ignores-z",
    as_it_is=True,
    role=Role.CAUSE,
    holds_when_collapsed=False,
)
