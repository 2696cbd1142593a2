"""The laboratory: gives the runs that a claim asks for, training what the store does not have, and sharing the work between processes."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from filelock import Timeout

import vae_spec
from vae_conformance import data as datasets
from vae_conformance.binding.inprocess import InProcessSubject
from vae_conformance.experiments.observe import REPORTED_ITEMS, STATIONARITY_ITEMS, held_out, loss_scale, stationarity
from vae_conformance.experiments.store import Store, content_key, default_folder
from vae_conformance.experiments.trainer import train
from vae_conformance.options import RunOptions
from vae_conformance.time_limit import time_limit
from vae_spec.claim import Experiment
from vae_spec.elbo import kl_weight
from vae_spec.evidence import Recipe, TrainedRun, Training
from vae_spec.trial import derive_seed

REPEATED_STEPS = 40
"""How many first steps a second training under the same seed repeats."""
PRINTED_SEED = 4
"""The seed of the 2-D lab's printed figures (VAE Basics 6.6.3, lab)."""
LAB_STEPS, LAB_RATE, LAB_WEIGHT, LAB_SAMPLES = 200, 0.02, 0.05, 5
LAB_EFFECTIVE_BETA = LAB_WEIGHT / 2
"""The lab's weight multiplies means over two dimensions: half the squared error is its likelihood, half the KL its divergence."""

Say = Callable[[str], None]


def image_recipe(dataset: str, pixels: int, seed: int) -> Recipe:
    """How images are trained: long enough for every phenomenon to show, short enough for a laptop."""
    if dataset != "digits":
        return Recipe(dataset, steps=2340, batch=256, learning_rate=1e-3, seed=seed)
    if pixels <= 128:
        return Recipe(dataset, steps=2000, batch=128, learning_rate=1e-3, seed=seed)
    return Recipe(dataset, steps=1000, batch=64, learning_rate=1e-3, seed=seed)


@functools.cache
def code_fingerprint() -> str:
    """SHA-256 over the suite's own sources: evidence made by other code is other evidence."""
    digest = hashlib.sha256()
    for package in (Path(__file__).parent.parent, Path(str(vae_spec.__file__)).parent):
        for path in sorted(package.rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()


class Laboratory:
    """Trained runs of one subject.

    Args:
        subject: what is trained.
        fingerprint: of the implementation's sources.
        options: of the run.
        say: called with one line of progress now and then.
    """

    def __init__(self, subject: InProcessSubject, fingerprint: str, options: RunOptions, say: Say) -> None:
        self.subject = subject
        self.fingerprint = fingerprint
        self.options = options
        self.say = say
        self.store = Store(options.store_path or default_folder())
        self._kept: dict[str, TrainedRun] = {}

    def runs(self, experiment: Experiment, count: int) -> list[TrainedRun]:
        """The first `count` runs of an experiment, over seeds; one for the lab's printed run.

        Raises:
            SubjectFault: the implementation's code failed in training.
            Unbound: the data set is not to be had.
        """
        recipes = self._recipes(experiment, count)
        keys = [self._key(recipe) for recipe in recipes]
        waiting = dict(zip(keys, recipes, strict=True))
        # Whoever finds a run neither stored nor in the making makes it; only when all are taken does it wait for the others.
        for patience in (0.0, -1.0):
            for key, recipe in list(waiting.items()):
                if self._obtain(key, recipe, patience):
                    del waiting[key]
        return [self._kept[key] for key in keys]

    def _obtain(self, key: str, recipe: Recipe, patience: float) -> bool:
        if key in self._kept:
            return True
        found = self.store.get(key)
        if found is None:
            try:
                with self.store.lock(key).acquire(timeout=patience):
                    found = self.store.get(key)
                    if found is None:
                        found = self._make(recipe)
                        self.store.put(key, found)
            except Timeout:
                return False
        self._kept[key] = found
        return True

    def _recipes(self, experiment: Experiment, count: int) -> list[Recipe]:
        if experiment is Experiment.LAB_PRINTED:
            return [
                Recipe(
                    "clusters",
                    LAB_STEPS,
                    0,
                    LAB_RATE,
                    beta=self._lab_beta(),
                    seed=PRINTED_SEED,
                    single_stream=True,
                    samples=LAB_SAMPLES,
                )
            ]
        seeds = [derive_seed(self.options.seed, "training", index) % 2**31 for index in range(count)]
        if experiment is Experiment.LAB:
            return [
                Recipe(
                    "clusters",
                    LAB_STEPS,
                    0,
                    LAB_RATE,
                    beta=self._lab_beta(),
                    seed=seed,
                    single_stream=True,
                    samples=LAB_SAMPLES,
                )
                for seed in seeds
            ]
        return [image_recipe(self.options.dataset, self.subject.facts.pixels, seed) for seed in seeds]

    def _lab_beta(self) -> float:
        """The factor on the subject's own KL term that makes the lab's effective beta."""
        scale = loss_scale(self.subject, 4)
        if scale is None:
            return LAB_WEIGHT
        weight = abs(kl_weight(self.subject, batch=4))
        return round(LAB_EFFECTIVE_BETA * scale / weight, 9) if weight > 0 else LAB_WEIGHT

    def _key(self, recipe: Recipe) -> str:
        facts, options = self.subject.facts, self.options
        return content_key(
            {
                "implementation": self.fingerprint,
                "code": code_fingerprint(),
                "recipe": asdict(recipe),
                "shape": facts.input_shape,
                "range": facts.input_range,
                "likelihood": facts.likelihood,
                "weight": facts.effective_beta,
                "device": options.device,
                "data": "" if recipe.single_stream else _dataset(options.dataset, options.data_root).fingerprint(),
                "torch": torch.__version__,
                "numpy": np.__version__,
                "threads": torch.get_num_threads(),
            }
        )

    def _make(self, recipe: Recipe) -> TrainedRun:
        if recipe.single_stream:
            train_items = test_items = torch.zeros(0)
        else:
            data = _dataset(self.options.dataset, self.options.data_root)
            shape, limits = self.subject.facts.input_shape, self.subject.facts.input_range
            train_items = datasets.render(data.train, shape, limits)
            test_items = datasets.render(data.test, shape, limits)[:1000]
        name = f"seed {recipe.seed}"
        with time_limit(self.options.training_time_limit, f"one training ({recipe.steps} steps)"):
            training = train(
                self.subject,
                recipe,
                train_items,
                lambda step, steps: self.say(f"training, {name}: step {step} of {steps}"),
            )
        repeat = _repeat(self.subject, recipe, train_items, training)
        return self._observe(recipe, training, train_items, test_items, repeat)

    def _observe(
        self,
        recipe: Recipe,
        training: Training,
        train_items: torch.Tensor,
        test_items: torch.Tensor,
        repeat: tuple[float | None, int],
    ) -> TrainedRun:
        subject = self.subject
        batch = min(recipe.batch, len(train_items)) if recipe.batch else 256
        scale = loss_scale(subject, batch)
        unit = scale if scale is not None else 1.0
        run = TrainedRun(
            recipe,
            training.total / unit,
            training.reconstruction / unit,
            training.kl / unit,
            training.analytic_kl,
            training.diverged_at,
            repeat_difference=repeat[0],
            repeat_steps=repeat[1],
            samples=training.samples,
            notes={"loss scale": unit, "scale known": float(scale is not None)},
        )
        if recipe.single_stream or training.diverged_at is not None:
            return run
        scales = [
            loss_scale(subject, min(count, len(items)))
            for count, items in ((REPORTED_ITEMS, test_items), (STATIONARITY_ITEMS, train_items))
        ]
        before = subject.state()
        subject.load(training.state)
        try:
            return TrainedRun(
                **{
                    **vars(run),
                    "held_out": held_out(subject, train_items, test_items, scales[0]),
                    "stationarity": stationarity(subject, train_items, scales[1]),
                }
            )
        finally:
            subject.load(before)


def _repeat(subject: InProcessSubject, recipe: Recipe, items: torch.Tensor, training: Training) -> tuple[float | None, int]:
    """The largest relative difference of the first steps when the training is begun once more."""
    steps = min(REPEATED_STEPS, recipe.steps)
    again = train(subject, Recipe(**{**asdict(recipe), "steps": steps, "samples": 0}), items)
    there, here = again.total, training.total[: len(again.total)]
    if len(there) != len(here) or not len(here):
        return None, 0
    return float(np.abs(there - here).max() / np.abs(here).max()), len(here)


@functools.cache
def _dataset(name: str, root: str | None) -> datasets.Dataset:
    return datasets.load(name, root)
