"""SMP: decoded draws from the prior."""

from __future__ import annotations

from dataclasses import replace

from vae_spec.bounds import above
from vae_spec.calibration import NO_PIXEL_VARIANCE, NOT_SERIES, PAIRED_IMAGES_AND_ROWS
from vae_spec.claim import Claim, Experiment
from vae_spec.claims.phenomena import decodes_latents, priced, ratio
from vae_spec.diagnosis import Role
from vae_spec.documents import basics, notes
from vae_spec.outcomes import Level
from vae_spec.statistics.comparisons import FLOOR

_COLLAPSES = ("recon-mean-kl-sum", "decoder-ignores-z", "encoder-ignores-x")
_PLAUSIBLE = "log of plausible samples over the autoencoder's"


SMP_01 = Claim(
    id="SMP-01",
    title="prior samples are plausible and diverse",
    level=Level.EXPECTED,
    statement="decoded draws from N(0, I) lie where data lies, and show the classes of the data, none of them alone",
    formula="log(coverage of samples / coverage of training items) > {0},  H(classes of the samples) / log(number of classes) > {1}",
    sources=(notes("13.4.3"), basics("diagnostics")),
    why="The notes decode random codes and see digits. How like digits is a matter of degree: a classifier is less sure of them than of"
    " real ones, and no absolute measure that every sound VAE passes fails every autoencoder. So this bound asks for no more than"
    " presence, in units of what training items themselves reach; the comparison with the autoencoder is SMP-04. Coverage counts held-out"
    " items that have a sample near them: one good image again and again covers next to nothing. Each sample is also given its most"
    " probable class, and the entropy of the classes over its largest value tells how evenly they come. With one latent dimension, or with"
    " no hidden layer, a class or two may hardly appear, and the entropy falls to 0.5; a collapsed model shows one class in all.",
    hint="see whether the code has collapsed (COL-01); then whether the codes fill the prior (LAT-02)",
    measured="500 samples, and a border of a twentieth of the coverage of training items (Naeem et al. 2020, k = 5, 500 against 500,"
    " features of a classifier trained on the same data)",
    mistakes=_COLLAPSES,
    applies=decodes_latents,
    rank=450,
    experiment=Experiment.IMAGES,
    bounds=(
        above(
            "log of prior coverage over the data's",
            -2.9,
            "sound: -2.3 and more; collapsed, or with a decoder that ignores z: -3.8 and less",
            scope=replace(NO_PIXEL_VARIANCE, kinds=NOT_SERIES),
        ),
        above("entropy of the samples' classes", 0.3, "sound: 0.47 and more; collapsed: 0"),
        above("share of classes that samples show", 0.5, "sound: 0.87 and more; collapsed: one class of ten"),
    ),
    conclusion="decoded draws from the prior are plausible and diverse",
    blames="recon-mean-kl-sum",
    as_it_is=True,
    role=Role.PHENOMENON,
    holds_when_collapsed=False,
)


SMP_03 = Claim(
    id="SMP-03",
    title="prior samples are not copies",
    level=Level.EXPECTED,
    statement="decoded draws from N(0, I) are not training items given back: they lie hardly nearer to training items than to held-out"
    " ones",
    formula="median distance to the nearest training item / median distance to the nearest held-out item > {0}",
    sources=(basics("lab"),),
    why="A decoder that stores the training items makes perfect samples and has learned nothing. Its samples lie on training items and"
    " away from held-out ones; samples that know nothing of which items were trained on, sharp or blurred, lie about as near to either"
    " (0.9 to 1: there are more training items to be near to).",
    hint="see whether the decoder holds training images, or has far more parameters than the data has pixels",
    measured="medians of a sample's distance to the nearest item, in pixels",
    mistakes=("memorising-decoder",),
    applies=decodes_latents,
    rank=320,
    explains=("INT-01",),
    experiment=Experiment.IMAGES,
    bounds=(
        above(
            "distance of samples to training over held-out items", 0.75, "sound: 0.91 and more; a decoder that stores training items: 0.57"
        ),
    ),
    conclusion="samples are no nearer to training items than to held-out ones",
    blames="memorising-decoder",
    as_it_is=True,
    role=Role.ALONE,
    holds_when_collapsed=False,
)


SMP_04 = Claim(
    id="SMP-04",
    title="the autoencoder cannot be sampled as well",
    level=Level.EXPECTED,
    statement="draws from N(0, I) are less plausible when decoded by the subject's own autoencoder",
    formula=f"log(plausibility / plausibility of the autoencoder) > {{0}},  plausibility = √((coverage + {FLOOR}) · (density + {FLOOR}))",
    sources=(notes("13.4.3"), basics("comparison")),
    why="Nothing holds an autoencoder's codes to N(0, I), so draws from it fall where no code is. How much worse they are depends on the"
    " network: two to ten times as a rule, but only 1.4 times with BatchNorm, which holds the codes together by itself. It is the codes,"
    " not the decoder, that differ: draws from a Gaussian fitted to the autoencoder's own codes look about as good. Of series the"
    " autoencoder's samples may cover nearly as much as the VAE's, and there the claim does not apply.",
    hint="if the autoencoder's samples are as good, the KL has no effect on the code: see OBJ-01, OBJ-04 and LAT-02",
    measured=f"plausibility is the geometric mean of coverage and density, each with {FLOOR} added, below which there is hardly anything",
    mistakes=("kl-sign",),
    applies=lambda facts: priced(facts) or PAIRED_IMAGES_AND_ROWS.excludes(facts),
    rank=420,
    experiment=Experiment.CONTRAST,
    bounds=(above(_PLAUSIBLE, 0.09, "sound: 0.36 and more; without a KL: 0.07", scope=PAIRED_IMAGES_AND_ROWS),),
    conclusion=lambda groups, _facts: f"samples are {ratio(groups, _PLAUSIBLE):.1f} times as plausible as the autoencoder's",
    blames="autoencoder-plus-noise",
    role=Role.PHENOMENON,
    holds_when_collapsed=False,
)
