"""Registered trainings of the reference that do not fit the Subject interface: the strong decoder with each remedy, and the GAN.

They are loaded by name from the entry-point group `vae_conformance.systems` and measured here; measurements that the reference itself
reports are not used.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from vae_conformance.errors import Unbound
from vae_conformance.experiments.features import ITEMS
from vae_conformance.experiments.observe_images import ImageContext, prior_samples
from vae_spec.context import derive_seed
from vae_spec.elbo import closed_form_kl
from vae_spec.evidence import Recipe, TrainedRun
from vae_spec.statistics.functionals import ACTIVE_VARIANCE
from vae_spec.statistics.latents import mutual_information
from vae_spec.statistics.sharpness import laplacian_variance

GROUP = "vae_conformance.systems"

Progress = Callable[[int, int], None]


class StrongDecoder(Protocol):
    """Interface of a VAE whose decoder sees earlier pixels."""

    likelihood: Any

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return mu and logvar."""

    def decode_given(self, z: Tensor, x: Tensor) -> Any:
        """Return the output for a latent z and the pixels before each."""


def run_system(system: tuple[str, str], recipe: Recipe, context: ImageContext, progress: Progress) -> TrainedRun:
    """Train a registered system and measure it on held-out items.

    `system` is its name and its variant, and the data are in [0, 1].

    Raises:
        Unbound: no such system is registered.
    """
    name, variant = system
    train = _registered(name)
    progress(0, recipe.steps)
    found = _collapse(train, variant, recipe, context) if name == "collapse" else _gan(train, recipe, context)
    progress(recipe.steps, recipe.steps)
    return found


def _registered(name: str) -> Callable[..., Any]:
    for point in entry_points(group=GROUP):
        if point.name == name:
            loaded: Callable[..., Any] = point.load()
            return loaded
    raise Unbound(f"no system {name!r} is registered", "install the package anew: its entry points are missing")


def _collapse(train: Callable[..., Any], remedy: str, recipe: Recipe, context: ImageContext) -> TrainedRun:
    """Train the strong decoder in one way and measure the information in its latents."""
    run = train(remedy, context.train, recipe.seed, recipe.steps, batch=recipe.batch, learning_rate=recipe.learning_rate)
    total = run.reconstruction + run.kl
    return TrainedRun(recipe, total, run.reconstruction, run.kl, run.kl, notes=_information(run.model, context.test[:ITEMS]))


def _information(model: StrongDecoder, x: Tensor) -> dict[str, float]:
    with torch.no_grad():
        mu, logvar = model.encode(x)
        eps = torch.randn(mu.shape, generator=torch.Generator().manual_seed(derive_seed("observation", "held out")))
        z = mu + torch.exp(0.5 * logvar) * eps

        def loss(latent: Tensor) -> float:
            return float(model.likelihood.negative_log(model.decode_given(latent, x), x).mean())

        own, other = loss(z), loss(z.roll(1, 0))
    generator = np.random.default_rng(derive_seed("observation", "information"))
    means, logs = mu.double().numpy(), logvar.double().numpy()
    return {
        "KL, nats": float(closed_form_kl(mu, logvar).mean()),
        "information, nats": mutual_information(means, logs, generator),
        "active units": float((means.var(0, ddof=1) > ACTIVE_VARIANCE).sum()),
        "nats lost to another item's code": other - own,
        "saturation": math.log(len(x)),
    }


def _gan(train: Callable[..., Any], recipe: Recipe, context: ImageContext) -> TrainedRun:
    """Train the GAN and compare its samples with held-out items."""
    latent_dim = context.facts.latent_dim
    run = train(context.train, latent_dim=latent_dim, seed=recipe.seed, steps=recipe.steps, batch=recipe.batch, samples=ITEMS)
    images = run.samples.double().numpy().reshape(len(run.samples), *context.originals.shape[1:])
    found = prior_samples(images, context)
    notes = {
        "coverage": found.coverage,
        "density": found.density,
        "entropy of classes": found.entropy,
        "sharpness over the originals'": found.laplacian / float(laplacian_variance(context.originals).mean()),
    }
    curves = run.generator_loss, run.discriminator_loss
    return TrainedRun(recipe, curves[0] + curves[1], curves[0], curves[1], np.zeros(0), notes=notes)
