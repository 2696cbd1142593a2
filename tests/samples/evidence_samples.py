"""Evidence of sound trainings, with optional changes, for tests of the code that judges and compares it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from vae_conformance.experiments.plans import arm_recipe
from vae_spec.claim import Experiment
from vae_spec.evidence import Arm, Group, HeldOut, Recipe, Stationarity, TrainedRun
from vae_spec.observations import Codes, ImageObservations, Paths, Pictures, PriorSamples, Reconstructions

STEPS = 200


def observations(**changes: float) -> ImageObservations:
    """Return the observations of a sound VAE on images; changes are given by field name, whichever record has the field."""
    parts: dict[str, Any] = {
        "reconstructions": Reconstructions(
            squared_error=5.2, laplacian=0.0059, laplacian_originals=0.0069, high_frequencies=6.0, high_frequencies_originals=9.1
        ),
        "samples": PriorSamples(
            density=0.5,
            coverage=0.6,
            data_coverage=0.96,
            laplacian=0.0067,
            entropy=0.98,
            classes=10,
            all_classes=10,
            nearest_over_held_out=0.94,
        ),
        "codes": Codes(
            mean_variance=1.03,
            mmd2=0.002,
            information=6.0,
            neighbour_accuracy=0.97,
            chance=0.12,
            components=1,
            mixed_neighbours=0.46,
        ),
        "paths": Paths(
            second_difference=0.24,
            longest_step=1.3,
            middle_density=0.73,
            ends_density=1.19,
            cross_fade_density=0.59,
            prior_middle_density=0.68,
        ),
    }
    for name, value in changes.items():
        (part,) = [key for key, record in parts.items() if hasattr(record, name)]
        parts[part] = replace(parts[part], **{name: value})
    blank = np.zeros((2, 8, 8))
    return ImageObservations(
        **parts, pictures=Pictures(blank, blank, blank, blank, np.zeros((2, 4)), np.zeros((2, 4)), np.zeros(2, dtype=np.int64))
    )


def run(seed: int = 0, *, r2: float = 0.8, kl: float = 10.0, nats: float = 100.0, **changes: float) -> TrainedRun:
    """Return a sound training on images with four latent dimensions; changes are those of `observations`."""
    steps = np.arange(STEPS)
    reconstruction = nats + (300 - nats) * np.exp(-steps / 10)
    growing = kl * (1 - np.exp(-steps / 10))
    return TrainedRun(
        Recipe("digits", STEPS, 64, 1e-3, seed=seed),
        reconstruction + growing,
        reconstruction,
        growing,
        growing,
        None,
        0.0,
        40,
        HeldOut(500, r2, r2 - 1.5, r2 + 0.05, np.full(4, kl / 4), np.full(4, 0.9), kl, kl, 100.0),
        Stationarity(1.0, 0.01, kl, 1000),
        observations=observations(**changes),
    )


_ARMS: dict[Arm, dict[str, float]] = {
    Arm.OWN: {},
    Arm.AUTOENCODER: {
        "r2": 0.92,
        "nats": 85.0,
        "kl": 150.0,
        "squared_error": 2.5,
        "mean_variance": 3.4,
        "mmd2": 0.35,
        "coverage": 0.05,
        "density": 0.04,
        "prior_middle_density": 0.04,
        "information": 6.2,
    },
    Arm.NO_KL: {
        "r2": 0.92,
        "nats": 86.0,
        "kl": 290.0,
        "mmd2": 0.35,
        "coverage": 0.04,
        "density": 0.03,
        "mean_variance": 3.9,
        "information": 6.2,
    },
    Arm.SMALL: {"r2": 0.9, "nats": 88.0, "kl": 52.0, "mmd2": 0.04, "coverage": 0.28, "density": 0.28, "information": 6.2},
    Arm.LARGE: {"r2": 0.65, "nats": 120.0, "kl": 3.5, "mmd2": 0.0008, "coverage": 0.65, "density": 0.7, "information": 4.1},
}
SHARPNESS = {Arm.OWN: 0.0059, Arm.AUTOENCODER: 0.0084, Arm.NO_KL: 0.0084, Arm.SMALL: 0.0076, Arm.LARGE: 0.0041}


def sharp(found: TrainedRun, laplacian: float) -> TrainedRun:
    """Return the run with reconstructions of another sharpness (`observations` cannot: samples have a field of that name too)."""
    assert found.observations is not None
    return replace(
        found, observations=replace(found.observations, reconstructions=replace(found.observations.reconstructions, laplacian=laplacian))
    )


def group(seed: int = 0, **changes: dict[str, float]) -> Group:
    """Return paired sound trainings of every arm on images; changes are given by the arm's name in capitals."""
    numbers = {arm: {**values, **changes.get(arm.name, {})} for arm, values in _ARMS.items()}
    found = {arm: sharp(run(seed, **values), SHARPNESS[arm]) for arm, values in numbers.items()}  # type: ignore[arg-type]
    return {str(arm): replace(one, recipe=arm_recipe(one.recipe, arm, 784)) for arm, one in found.items()}


def groups(experiment: Experiment, count: int = 3, **changes: dict[str, float]) -> list[Group]:
    """Return the groups of an experiment on images."""
    arms = {
        Experiment.IMAGES: (Arm.OWN,),
        Experiment.CONTRAST: (Arm.OWN, Arm.AUTOENCODER),
        Experiment.SWEEP: (Arm.SMALL, Arm.OWN, Arm.LARGE),
        Experiment.WITHOUT_KL: (Arm.OWN, Arm.NO_KL),
    }[experiment]
    return [{arm: found for arm, found in group(seed, **changes).items() if arm in arms} for seed in range(count)]
