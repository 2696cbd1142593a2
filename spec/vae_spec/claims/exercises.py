"""EXR: the exercises of the notes, done on the reference, and what they show."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from vae_spec.claim import Claim, Experiment
from vae_spec.claims.phenomena import TRAINED_NEEDS, images_only
from vae_spec.documents import notes
from vae_spec.evidence import Group, TrainedRun
from vae_spec.observations import Sights
from vae_spec.outcomes import Level, Number, Verdict, holds
from vae_spec.statistics.comparisons import kl
from vae_spec.subject import Facts
from vae_spec.trial import Trial

Column = Callable[[TrainedRun], float]


def _seen(run: TrainedRun) -> Sights:
    if run.sights is None:
        raise ValueError("an exercise is reported from trainings that ended well")
    return run.sights


COLUMNS: Mapping[str, Column] = MappingProxyType(
    {
        "squared error": lambda run: _seen(run).reconstructions.squared_error,
        "KL, nats": kl,
        "sharpness of reconstructions over the originals'": lambda run: (
            _seen(run).reconstructions.laplacian / _seen(run).reconstructions.laplacian_originals
        ),
        "coverage of samples": lambda run: _seen(run).samples.coverage,
        "density of samples": lambda run: _seen(run).samples.density,
        "label accuracy of neighbouring means": lambda run: _seen(run).codes.neighbour_accuracy,
        "second difference of paths": lambda run: _seen(run).paths.second_difference,
        "mid-path density over the ends'": lambda run: _seen(run).paths.middle_density / max(_seen(run).paths.ends_density, 1e-3),
        "mid-path density between prior draws": lambda run: _seen(run).paths.prior_middle_density,
    }
)
"""What an exercise can report."""


def reporting(*columns: str) -> Callable[[Sequence[Group], Facts, Trial], Verdict]:
    """A check that reports columns for each arm: means over seeds."""

    def report(groups: Sequence[Group], _facts: Facts, _trial: Trial) -> Verdict:
        measured: dict[str, Number] = {"seeds": len(groups)}
        rows: list[str] = []
        for name in groups[0]:
            runs = [group[name] for group in groups]
            values = {column: sum(COLUMNS[column](run) for run in runs) / len(runs) for column in columns}
            measured |= {f"{name}: {column}": value for column, value in values.items()}
            rows.append(f"{name}: " + ", ".join(f"{column} {value:.3g}" for column, value in values.items()))
        return holds("\n".join(rows), measured=measured, expected={"all": "reported, not judged"}, smallest_effect="none: it reports")

    return report


EXR_01 = Claim(
    id="EXR-01",
    title="other latent dimensions",
    level=Level.INFORMATIONAL,
    statement="what 4, 8, 16 and 32 latent dimensions change in reconstruction and samples is reported",
    sources=(notes("13.4.9"),),
    why="More dimensions let the code say more, until what they would add is not worth its price: reconstruction improves to about 16"
    " on these digits and stays. Samples lose a little, since a draw from the prior has more ways to fall between codes.",
    hint="nothing to mend",
    decision="means over seeds on scikit-learn's digits; reported",
    needs=TRAINED_NEEDS,
    compare=reporting("squared error", "KL, nats", "coverage of samples", "density of samples"),
    experiment=Experiment.LATENT_DIMENSIONS,
    reference_only=True,
    applies=images_only,
)

EXR_02 = Claim(
    id="EXR-02",
    title="squared error in place of cross-entropy",
    level=Level.INFORMATIONAL,
    statement="what squared error in place of the Bernoulli likelihood changes in the images is reported",
    sources=(notes("13.4.9"),),
    why="Squared error with unit variance prices a pixel far lower than the cross-entropy does, so that fewer nats of code are worth"
    " paying for: the images are smoother. That is a matter of the variance, not of the form of the loss.",
    hint="nothing to mend",
    decision="means over seeds on scikit-learn's digits; reported",
    needs=TRAINED_NEEDS,
    compare=reporting("squared error", "KL, nats", "sharpness of reconstructions over the originals'", "coverage of samples"),
    experiment=Experiment.LIKELIHOODS,
    reference_only=True,
    applies=images_only,
)

EXR_03 = Claim(
    id="EXR-03",
    title="more epochs",
    level=Level.INFORMATIONAL,
    statement="what half as many epochs more, and twice as many, change in the latent picture is reported",
    sources=(notes("13.4.9"),),
    why="The notes ask whether the classes come out more clearly after 15 or 20 epochs than after 10. The share of items whose class their"
    " neighbours tell hardly changes: it is found early.",
    hint="nothing to mend",
    decision="means over seeds on scikit-learn's digits, the standard number of steps standing for ten epochs; reported",
    needs=TRAINED_NEEDS,
    compare=reporting("label accuracy of neighbouring means", "squared error", "KL, nats"),
    experiment=Experiment.EPOCHS,
    reference_only=True,
    applies=images_only,
)

EXR_04 = Claim(
    id="EXR-04",
    title="interpolation of an autoencoder and a VAE",
    level=Level.INFORMATIONAL,
    statement="how the decoded lines of a VAE and of its autoencoder differ is reported",
    sources=(notes("13.4.9"),),
    why="Between the codes of two items both change smoothly, and the VAE's middles are a little more like data. Between two draws from"
    " the prior the difference is plain: the autoencoder's draws are no codes of anything.",
    hint="nothing to mend",
    decision="means over seeds, 40 lines of 21 points; reported",
    needs=TRAINED_NEEDS,
    compare=reporting("second difference of paths", "mid-path density over the ends'", "mid-path density between prior draws"),
    experiment=Experiment.CONTRAST,
    reference_only=True,
    applies=images_only,
)
