"""Plans: the trainings of each experiment. Paired trainings share their seed, and so initialisation, data order and noise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from torch import nn

from vae_spec.claim import Experiment
from vae_spec.evidence import SMALL_BETA, Arm, Recipe, large_beta

PRINTED_SEED = 4
"""The seed of the 2-D lab's printed figures (VAE Basics 6.6.3, lab)."""
LAB_STEPS, LAB_RATE, LAB_WEIGHT, LAB_SAMPLES, LAB_ITEMS = 200, 0.02, 0.05, 5, 256
LARGE_LAB_WEIGHT = 0.5
"""The weight of the KL in the lab's second exercise (VAE Basics 6.6.3, exercises)."""
LATENT_DIMENSIONS = (4, 8, 16, 32)
"""Latent dimensions in the first exercise (Deep Learning Notes 13.4, exercises)."""
EPOCHS = (15, 20)
"""Epochs in the fourth exercise; the text itself trains ten."""
REMEDIES = ("none", "warm-up", "free bits", "smaller beta", "weaker decoder", "InfoVAE")
"""The ways to train the strong decoder (Deep Learning Notes 13.4.7)."""
SYSTEM_STEPS, SYSTEM_BATCH = 2000, 128
MANY = 10_000
"""Data sets with fewer training items are trained like the digits."""
LARGE_STEPS, LARGE_BATCH = 2340, 256
"""Ten epochs of MNIST (Deep Learning Notes 13.4.1.3)."""
COMPARED_STEPS = 936
"""The largest number of steps of trainings that are compared with each other: four epochs of MNIST. The margins of the comparisons were
calibrated on trainings of about this length, and the effects show long before the tenth epoch."""


@dataclass(frozen=True)
class Plan:
    """One training.

    Attributes:
        recipe: how to train.
        arguments: constructor arguments that differ from the subject's own.
        system: the registered training that replaces the subject and the suite's trainer, and its variant; or None.
        thorough: whether to measure the effective beta that training optimised and to repeat the first steps.
    """

    recipe: Recipe
    arguments: Mapping[str, object] = field(default_factory=dict)
    system: tuple[str, str] | None = None
    thorough: bool = False


def image_recipe(dataset: str, pixels: int, seed: int, items: int = MANY) -> Recipe:
    """Return the recipe for images, rows or series: long enough for every phenomenon to show, short enough for a laptop.

    Data sets other than the digits are trained by their number of `items`; `pixels` is the number of entries of one item.
    """
    if dataset in ("rows", "waves"):
        return Recipe(dataset, steps=1000, batch=64, learning_rate=2e-3, seed=seed)
    if _large(dataset, items):
        return Recipe(dataset, steps=LARGE_STEPS, batch=LARGE_BATCH, learning_rate=1e-3, seed=seed)
    if pixels <= 128:
        return Recipe(dataset, steps=2000, batch=128, learning_rate=1e-3, seed=seed)
    return Recipe(dataset, steps=1000, batch=64, learning_rate=1e-3, seed=seed)


def _large(dataset: str, items: int) -> bool:
    return dataset != "digits" and items >= MANY


def lab_recipe(seed: int, beta: float) -> Recipe:
    """Return the 2-D lab's recipe: 200 full-batch steps on 256 points from one random stream (VAE Basics 6.6.3, lab)."""
    return Recipe("clusters", LAB_STEPS, 0, LAB_RATE, beta=beta, seed=seed, single_stream=True, samples=LAB_SAMPLES)


def recipe_of_weights(dataset: str) -> Recipe:
    """Return an empty recipe, for a trained model that is judged as it is."""
    return Recipe(dataset, steps=0, batch=0, learning_rate=0.0)


ARMS: Mapping[Experiment, tuple[Arm, ...]] = MappingProxyType(
    {
        Experiment.IMAGES: (Arm.OWN,),
        Experiment.CONTRAST: (Arm.OWN, Arm.AUTOENCODER),
        Experiment.SWEEP: (Arm.SMALL, Arm.OWN, Arm.LARGE),
        Experiment.WITHOUT_KL: (Arm.OWN, Arm.NO_KL),
    }
)
"""The arms of the experiments on images."""


def arm_recipe(own: Recipe, arm: Arm, entries: int) -> Recipe:
    """Return the recipe of an arm, given the recipe of the subject's own objective and the number of entries of an item."""
    match arm:
        case Arm.AUTOENCODER:
            return replace(own, beta=0.0, noise=False)
        case Arm.NO_KL:
            return replace(own, beta=0.0)
        case Arm.SMALL:
            return replace(own, beta=SMALL_BETA)
        case Arm.LARGE:
            return replace(own, beta=large_beta(entries))
        case _:
            return own


def image_plans(experiment: Experiment, dataset: str, pixels: int, seed: int, items: int = MANY) -> dict[str, Plan]:
    """Return one seed's plans for an experiment on images, by arm; the arguments are those of `image_recipe`."""
    own = image_recipe(dataset, pixels, seed, items)
    if len(ARMS[experiment]) > 1 and _large(dataset, items):
        own = replace(own, steps=COMPARED_STEPS)
    return {str(arm): Plan(arm_recipe(own, arm, pixels), thorough=arm is Arm.OWN) for arm in ARMS[experiment]}


def lab_plans(experiment: Experiment, seed: int, unit: float) -> dict[str, Plan]:
    """Return one seed's plans for an experiment in the 2-D lab, by arm.

    `unit` is the factor on the subject's own KL term that corresponds to a weight of 1 in the lab.
    """
    own = Plan(lab_recipe(seed, round(LAB_WEIGHT * unit, 9)))
    match experiment:
        case Experiment.LAB_PRINTED:
            return {str(Arm.OWN): replace(own, recipe=replace(own.recipe, seed=PRINTED_SEED))}
        case Experiment.LAB_WEIGHTS:
            return {
                str(Arm.NO_KL): Plan(lab_recipe(seed, 0.0)),
                str(Arm.OWN): own,
                str(Arm.LARGE): Plan(lab_recipe(seed, round(LARGE_LAB_WEIGHT * unit, 9))),
            }
        case Experiment.LAB_TANH:
            return {str(Arm.OWN): own, str(Arm.TANH): replace(own, arguments={"activation": nn.Tanh})}
        case _:
            return {str(Arm.OWN): own}


def exercise_plans(experiment: Experiment, pixels: int, seed: int, latent_dim: int | None = None) -> dict[str, Plan]:
    """Return one seed's plans for an exercise or a comparison on the embedded digits, by what differs.

    The subject is not rebuilt for its own `latent_dim`; `pixels` is the number of entries of one item.
    """
    own = Plan(image_recipe("digits", pixels, seed), thorough=True)
    other = replace(own, thorough=False)
    match experiment:
        case Experiment.LATENT_DIMENSIONS:
            return {
                f"latent_dim {size}": own if size == latent_dim else replace(other, arguments={"latent_dim": size})
                for size in LATENT_DIMENSIONS
            }
        case Experiment.LIKELIHOODS:
            return {"bernoulli": own, "squared-error": replace(other, arguments={"likelihood": "squared-error"})}
        case Experiment.EPOCHS:
            longer = {f"{count} epochs": replace(own.recipe, steps=own.recipe.steps * count // 10) for count in EPOCHS}
            return {"10 epochs": own} | {name: replace(other, recipe=recipe) for name, recipe in longer.items()}
        case Experiment.COMPARISON:
            both = {str(arm): Plan(arm_recipe(own.recipe, arm, pixels), thorough=arm is Arm.OWN) for arm in (Arm.OWN, Arm.AUTOENCODER)}
            return both | {"GAN": Plan(replace(own.recipe, steps=SYSTEM_STEPS, batch=SYSTEM_BATCH), system=("gan", ""))}
        case _:
            recipe = Recipe("digits", SYSTEM_STEPS, SYSTEM_BATCH, 1e-3, seed=seed)
            return {remedy: Plan(recipe, system=("collapse", remedy)) for remedy in REMEDIES}
