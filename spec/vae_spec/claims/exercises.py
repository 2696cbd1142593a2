"""EXR: the exercises of the notes, run on the reference, and their results."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from vae_spec.claim import Claim, Experiment, TrainedCheck
from vae_spec.claims.phenomena import images_only
from vae_spec.diagnosis import Role
from vae_spec.documents import notes
from vae_spec.evidence import Group, TrainedRun
from vae_spec.observations import ImageObservations
from vae_spec.outcomes import Level, Number, Verdict, holds
from vae_spec.statistics.functionals import kl
from vae_spec.subject import Facts

Column = Callable[[TrainedRun], float]


def _seen(run: TrainedRun) -> ImageObservations:
    if run.observations is None:
        raise ValueError("an exercise is reported from trainings that ended well")
    return run.observations


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
"""The columns that an exercise can report."""


def _reporting(*columns: str) -> TrainedCheck:
    """Return a check that reports these columns for each arm, as means over seeds."""

    def report(_claim: Claim, groups: Sequence[Group], _facts: Facts) -> Verdict:
        measured: dict[str, Number] = {"seeds": len(groups)}
        rows: list[str] = []
        for name in groups[0]:
            runs = [group[name] for group in groups]
            values = {column: sum(COLUMNS[column](run) for run in runs) / len(runs) for column in columns}
            measured |= {f"{name}: {column}": value for column, value in values.items()}
            rows.append(f"{name}: " + ", ".join(f"{column} {value:.3g}" for column, value in values.items()))
        return holds("\n".join(rows), measured=measured, expected={"all": "reported, not judged"}, smallest_effect="none: it reports")

    return report


def _exercise(number: int, title: str, statement: str, why: str, decision: str, experiment: Experiment, columns: tuple[str, ...]) -> Claim:
    """Return the informational claim that runs an exercise and reports these columns."""
    return Claim(
        id=f"EXR-{number:02}",
        title=title,
        level=Level.INFORMATIONAL,
        statement=f"{statement} is reported",
        sources=(notes("13.4.9"),),
        why=why,
        hint="nothing to fix",
        decision=f"{decision}; reported",
        applies=images_only,
        rank=None,
        experiment=experiment,
        judge=_reporting(*columns),
        role=Role.CAUSE,
        holds_when_collapsed=False,
        reference_only=True,
    )


EXR_01 = _exercise(
    1,
    "other latent dimensions",
    "what 4, 8, 16 and 32 latent dimensions change in reconstruction and samples",
    "More dimensions let the code say more, until what they would add is not worth its price: reconstruction improves to about 16 on these"
    " digits and stays. Samples lose a little, since a draw from the prior has more ways to fall between codes.",
    "means over seeds on scikit-learn's digits",
    Experiment.LATENT_DIMENSIONS,
    ("squared error", "KL, nats", "coverage of samples", "density of samples"),
)

EXR_02 = _exercise(
    2,
    "squared error in place of cross-entropy",
    "what squared error in place of the Bernoulli likelihood changes in the images",
    "Squared error with unit variance prices a pixel far lower than the cross-entropy does, so that fewer nats of code are worth paying"
    " for: the images are smoother. That is a matter of the variance, not of the form of the loss.",
    "means over seeds on scikit-learn's digits",
    Experiment.LIKELIHOODS,
    ("squared error", "KL, nats", "sharpness of reconstructions over the originals'", "coverage of samples"),
)

EXR_03 = _exercise(
    3,
    "more epochs",
    "what half as many epochs more, and twice as many, change in the latent picture",
    "The notes ask whether the classes come out more clearly after 15 or 20 epochs than after 10. The share of items whose class their"
    " neighbours tell hardly changes: it is found early.",
    "means over seeds on scikit-learn's digits, the standard number of steps standing for ten epochs",
    Experiment.EPOCHS,
    ("label accuracy of neighbouring means", "squared error", "KL, nats"),
)

EXR_04 = _exercise(
    4,
    "interpolation of an autoencoder and a VAE",
    "how the decoded lines of a VAE and of its autoencoder differ",
    "Between the codes of two items both change smoothly, and the VAE's middles are a little more like data. Between two draws from the"
    " prior the difference is plain: the autoencoder's draws are no codes of anything.",
    "means over seeds, 40 lines of 21 points",
    Experiment.CONTRAST,
    ("second difference of paths", "mid-path density over the ends'", "mid-path density between prior draws"),
)
