"""Synthetic trained runs for tests of figures and pages, with deterministic numbers and pictures of every kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from vae_spec.evidence import HeldOut, Recipe, Stationarity, TrainedRun
from vae_spec.observations import Codes, ImageObservations, Paths, Pictures, PointObservations, PriorSamples, Reconstructions

LATENT = 4


def pictures(seed: int = 0, side: int = 8) -> Pictures:
    """Return random images, and random means of sixty items of ten classes."""
    generator = np.random.default_rng(seed)
    return Pictures(
        originals=generator.random((10, side, side)),
        reconstructions=generator.random((10, side, side)),
        samples=generator.random((32, side, side)),
        strip=generator.random((11, side, side)),
        means=generator.normal(size=(60, LATENT)),
        codes=generator.normal(size=(60, LATENT)),
        labels=np.arange(60) % 10,
    )


def observations(seed: int = 0, squared_error: float = 5.0) -> ImageObservations:
    """Return observations with numbers typical of sound models."""
    return ImageObservations(
        Reconstructions(squared_error, 0.02, 0.04, 0.6, 1.2),
        PriorSamples(0.7, 0.5, 0.9, 0.02, 0.95, 10, 10, 1.0),
        Codes(1.05, 0.01, 4.0, 0.9, 0.1, 1, 0.3),
        Paths(0.4, 1.3, 0.7, 0.9, 0.5, 0.8),
        pictures(seed),
    )


def held_out(kl: Sequence[float] = (1.0, 0.5, 0.25, 0.0)) -> HeldOut:
    """Return the held-out measurements of a model whose dimensions have these KLs."""
    per_dim = np.array(kl)
    return HeldOut(500, 0.6, -0.2, 0.65, per_dim, per_dim / (1 + per_dim), float(per_dim.sum()), float(per_dim.sum()), 20.0)


def points(seed: int = 0) -> PointObservations:
    """Return the observations of a model of the tiny lab."""
    generator = np.random.default_rng(seed)
    line = np.column_stack([np.linspace(-1, 1, 41), np.zeros(41)])
    return PointObservations(0.05, 0.01, 0.7, 0.01, 0.2, generator.normal(size=(500, 2)), line, generator.normal(size=(256, 2)))


def run(
    seed: int = 0, steps: int = 50, *, squared_error: float = 5.0, notes: Mapping[str, float] | None = None, dataset: str = "digits"
) -> TrainedRun:
    """Return a training whose reconstruction term falls and whose KL rises."""
    noise = np.random.default_rng(seed).normal(size=(2, steps))
    along = np.linspace(0, 1, steps)
    reconstruction, kl = 40 - 20 * along + 0.1 * noise[0], 0.1 + 3 * along + 0.01 * np.abs(noise[1])
    return TrainedRun(
        Recipe(dataset, steps, 32, 1e-3, seed=seed),
        reconstruction + kl,
        reconstruction,
        kl,
        kl,
        held_out=held_out(),
        stationarity=Stationarity(1.02, 0.01, 3.0, 1000),
        observations=observations(seed, squared_error),
        points=points(seed),
        notes=notes or {},
    )
