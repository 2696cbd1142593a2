"""SMP: what codes drawn from the prior decode to."""

from __future__ import annotations

from collections.abc import Sequence

from vae_spec.calibration import NO_PIXEL_VARIANCE
from vae_spec.claim import Claim, Experiment
from vae_spec.claims.phenomena import TRAINED_NEEDS, comparisons, decisions, decoded_images, divergence, not_comparable, priced, ratio
from vae_spec.documents import basics, notes
from vae_spec.evidence import Group, TrainedRun
from vae_spec.outcomes import Level, Verdict
from vae_spec.statistics.seeds import Side, combine
from vae_spec.subject import Facts
from vae_spec.trial import Trial

_COLLAPSES = ("recon-mean-kl-sum", "decoder-ignores-z", "encoder-ignores-x")
_PLAUSIBLE = "log of plausible samples over the autoencoder's"


def judge_plausible(runs: Sequence[TrainedRun], _facts: Facts, _trial: Trial) -> Verdict:
    """SMP-01."""
    if bad := divergence(runs):
        return bad
    return combine(
        decisions(
            runs,
            [("log of prior coverage over the data's", -2.9, Side.ABOVE)],
            NO_PIXEL_VARIANCE,
        ),
        said="decoded draws from the prior cover the data",
        diagnosis="recon-mean-kl-sum",
    )


SMP_01 = Claim(
    id="SMP-01",
    title="prior samples are plausible",
    level=Level.EXPECTED,
    statement="decoded draws from N(0, I) lie where data lies, over a good part of it",
    formula="log(coverage of samples / coverage of training items) > −2.9",
    sources=(notes("13.4.3"), basics("diagnostics")),
    why="The notes decode random codes and see digits. How like digits is a matter of degree: a classifier is less sure of them than of"
    " real ones, and no absolute measure that every sound VAE passes fails every autoencoder. So this bound asks for no more than"
    " presence, in units of what training items themselves reach; the comparison with the autoencoder is SMP-04. Coverage counts"
    " held-out items that have a sample near them: one good image again and again covers next to nothing.",
    hint="see whether the code has collapsed (COL-01) and the decoder uses it (COL-02); then whether the codes fill the prior (LAT-02)",
    decision="logarithm of the coverage, over that of training items, above -2.9: a twentieth (Naeem et al. 2020, k = 5, 500 against"
    " 500, features of a classifier trained on the same data), over 3, 6 or 10 seeds",
    mistakes=_COLLAPSES,
    needs=TRAINED_NEEDS,
    judge=judge_plausible,
    as_it_is=judge_plausible,
    experiment=Experiment.IMAGES,
    applies=lambda facts: decoded_images(facts) or NO_PIXEL_VARIANCE.excludes(facts),
)


def judge_diverse(runs: Sequence[TrainedRun], _facts: Facts, _trial: Trial) -> Verdict:
    """SMP-02."""
    if bad := divergence(runs):
        return bad
    return combine(
        decisions(
            runs,
            [("entropy of the samples' classes", 0.3, Side.ABOVE), ("share of classes that samples show", 0.5, Side.ABOVE)],
        ),
        said="samples are diverse",
        diagnosis="decoder-ignores-z",
    )


SMP_02 = Claim(
    id="SMP-02",
    title="prior samples are diverse",
    level=Level.EXPECTED,
    statement="decoded draws from N(0, I) show the classes of the data, none of them alone",
    formula="H(classes of the samples) / log(number of classes) > 0.3",
    sources=(notes("13.4.3"), basics("diagnostics")),
    why="Each sample is given its most probable class, and the entropy of the classes over its largest value tells how evenly"
    " they come. With one latent dimension, or with no hidden layer, a class or two may hardly appear, and the entropy falls"
    " to 0.5; a collapsed model shows one class in all.",
    hint="see whether the code has collapsed (COL-01) and the decoder uses it (COL-02)",
    decision="relative entropy of predicted classes above 0.3, and more than half of the classes seen in 500 samples, over 3,"
    " 6 or 10 seeds",
    mistakes=_COLLAPSES,
    needs=TRAINED_NEEDS,
    judge=judge_diverse,
    as_it_is=judge_diverse,
    experiment=Experiment.IMAGES,
    applies=decoded_images,
)


def judge_new(runs: Sequence[TrainedRun], _facts: Facts, _trial: Trial) -> Verdict:
    """SMP-03."""
    if bad := divergence(runs):
        return bad
    return combine(
        decisions(runs, [("distance of samples to training over held-out items", 0.75, Side.ABOVE)]),
        said="samples are no nearer to training items than to held-out ones",
        diagnosis="memorising-decoder",
    )


SMP_03 = Claim(
    id="SMP-03",
    title="prior samples are not copies",
    level=Level.EXPECTED,
    statement="decoded draws from N(0, I) are not training items given back: they lie hardly nearer to training items than to held-out"
    " ones",
    formula="median distance to the nearest training item / median distance to the nearest held-out item > 0.75",
    sources=(basics("lab"),),
    why="A decoder that stores the training items makes perfect samples and has learned nothing. Its samples lie on training items and"
    " away from held-out ones; samples that know nothing of which items were trained on, sharp or blurred, lie about as near to"
    " either (0.9 to 1: there are more training items to be near to).",
    hint="see whether the decoder holds training images, or has far more parameters than the data has pixels",
    decision="median distance of a sample to its nearest training item over that to its nearest held-out item, in pixels, above 0.75, over"
    " 3, 6 or 10 seeds",
    mistakes=("memorising-decoder",),
    needs=TRAINED_NEEDS,
    judge=judge_new,
    as_it_is=judge_new,
    experiment=Experiment.IMAGES,
    applies=decoded_images,
)


def compare_samples(groups: Sequence[Group], _facts: Facts, _trial: Trial) -> Verdict:
    """SMP-04."""
    if bad := not_comparable(groups):
        return bad
    return combine(
        comparisons(groups, [(_PLAUSIBLE, 0.09, Side.ABOVE)]),
        said=f"samples are {ratio(groups, _PLAUSIBLE):.1f} times as plausible as the autoencoder's",
        diagnosis="autoencoder-plus-noise",
    )


SMP_04 = Claim(
    id="SMP-04",
    title="the autoencoder cannot be sampled as well",
    level=Level.EXPECTED,
    statement="draws from N(0, I) are less plausible when decoded by the subject's own autoencoder",
    formula="log(plausibility / plausibility of the autoencoder) > 0.09,  plausibility = √((coverage + 0.05) · (density + 0.05))",
    sources=(notes("13.4.3"), basics("comparison")),
    why="Nothing holds an autoencoder's codes to N(0, I), so draws from it fall where no code is. How much worse they are depends"
    " on the network: two to ten times as a rule, but only 1.4 times with BatchNorm, which holds the codes together by itself."
    " It is the codes, not the decoder, that differ: draws from a Gaussian fitted to the autoencoder's own codes look about as"
    " good.",
    hint="if the autoencoder's samples are as good, the KL has no effect on the code: see OBJ-01, OBJ-04 and LAT-02",
    decision="logarithm of the ratio of the geometric means of coverage and density (each with 0.05 added, below which there is hardly"
    " anything) above 0.09, paired by seed, over 3, 6 or 10 seeds",
    mistakes=("kl-sign",),
    needs=TRAINED_NEEDS,
    compare=compare_samples,
    experiment=Experiment.CONTRAST,
    applies=priced,
)
