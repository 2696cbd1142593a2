"""REC: what reconstructions look like, in numbers."""

from __future__ import annotations

from collections.abc import Sequence

from vae_spec.claim import Claim, Experiment
from vae_spec.claims.phenomena import TRAINED_NEEDS, decisions, decoded_images, divergence
from vae_spec.documents import notes
from vae_spec.evidence import TrainedRun
from vae_spec.outcomes import Level, Verdict
from vae_spec.statistics.seeds import Side, combine
from vae_spec.subject import Facts
from vae_spec.trial import Trial


def judge_held_out(runs: Sequence[TrainedRun], _facts: Facts, _trial: Trial) -> Verdict:
    """REC-01."""
    if bad := divergence(runs):
        return bad
    return combine(
        decisions(runs, [("held-out R2 from mu", 0.2, Side.ABOVE)]),
        said="held-out items are reconstructed far better than by the mean image",
        diagnosis="decoder-ignores-z",
    )


REC_01 = Claim(
    id="REC-01",
    title="held-out items are reconstructed",
    level=Level.EXPECTED,
    statement="held-out items are reconstructed far better than the mean image does (R2 > 0.2 from z = mu)",
    formula="R² = 1 − Σ‖x − decode(mu)‖² / Σ‖x − x̄‖² > 0.2",
    sources=(notes("13.4.2"),),
    why="The notes show test images above their reconstructions. R2 puts that in a number: the share of what tells the items apart that"
    " comes back. One latent"
    " dimension gives about 0.3, two about 0.5, more dimensions 0.6 to 0.85; a collapsed model or a decoder that ignores z gives 0.",
    hint="see whether the decoder uses z (COL-02), whether the code is collapsed (COL-01), and whether the data fits the likelihood's"
    " range",
    decision="R2 of reconstructions from the posterior means of held-out items, over 3, 6 or 10 seeds",
    mistakes=("recon-mean-kl-sum", "decoder-ignores-z", "encoder-ignores-x", "double-sigmoid"),
    needs=TRAINED_NEEDS,
    judge=judge_held_out,
    as_it_is=judge_held_out,
    experiment=Experiment.IMAGES,
    applies=decoded_images,
)
