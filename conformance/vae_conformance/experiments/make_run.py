"""Making a trained run from a plan: build the subject as the plan says, train it, and observe it."""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

import numpy as np
import torch

from vae_conformance.binding.bind import bind
from vae_conformance.binding.bound_subject import InProcessSubject
from vae_conformance.config.options import RunOptions
from vae_conformance.data import datasets
from vae_conformance.data.datasets import image_shape
from vae_conformance.data.tables import Form
from vae_conformance.experiments.features import feature_space
from vae_conformance.experiments.observe_held_out import REPORTED_ITEMS, STATIONARITY_ITEMS, held_out, loss_scale, stationarity
from vae_conformance.experiments.observe_images import ImageContext, RunawayError, image_context, observe_images
from vae_conformance.experiments.observe_points import observe_points
from vae_conformance.experiments.plans import LAB_ITEMS, Plan
from vae_conformance.experiments.reference_systems import run_system
from vae_conformance.experiments.store import Store
from vae_conformance.experiments.trainer import StillTraining, train, train_in_stages
from vae_conformance.guard.time_limit import TimeLimitExceeded, time_limit
from vae_conformance.target.target import Target
from vae_spec.elbo import accepted_weights, kl_weight, nearest_weight
from vae_spec.evidence import NOISE_OVER_DATA, TrainedRun, Training
from vae_spec.observations import ImageObservations
from vae_spec.subject import InputKind, Likelihood, Subject, SubjectFault

REPEATED_STEPS = 40
"""The number of first steps that a second training under the same seed repeats."""
WARM_UP_STEPS, TIMED_STEPS = 2, 20
"""Steps whose time estimates that of a training; the first ones take longer."""
SLOW, TOO_SLOW = 1.0, 30.0
"""Seconds from which on the warm-up is the estimate, and those that an estimate may take at most."""
OBSERVING = 1.1
"""The time of a training over that of its steps, because the trained model is observed."""

Say = Callable[[str], None]


class Maker:
    """Maker of the trained runs of one subject.

    The arguments are those of `Laboratory`; the store caches the feature spaces in which trained models are compared.
    """

    def __init__(self, subject: InProcessSubject, options: RunOptions, say: Say, target: Target | None, store: Store) -> None:
        self.subject = subject
        self.options = options
        self.say = say
        self.target = target
        self.store = store
        self._seen: dict[tuple[object, ...], ImageContext] = {}
        self._scales: dict[int, float | None] = {}
        self._slow: StillTraining | None = None

    def make(self, stages: Sequence[Plan]) -> list[TrainedRun]:
        """Train by one plan, or by several that differ only in length, shortest first, and observe the trained models.

        Raises:
            SubjectFault: the implementation's code failed, or it cannot be built as the plan says.
            Unbound: the data set or the registered system cannot be loaded.
        """
        plan = stages[-1]
        if plan.system is not None:
            return [run_system(plan.system, plan.recipe, self._context(self.subject, plan), self._progress(plan))]
        if self.subject.facts.given_weights:
            return [self._observe_as_it_is(plan)]
        subject = self._built(plan)
        return [self._observe_points(subject, plan)] if plan.recipe.single_stream else self._observe_images(subject, stages)

    def seconds(self, plan: Plan) -> float:
        """Estimate the seconds that a training takes from a few timed steps; 0 if they fail, which the training itself will report."""
        items = torch.zeros(0) if plan.recipe.single_stream else self._context(self.subject, plan).train
        spent = 0.0
        try:
            with time_limit(TOO_SLOW, "the first steps"):
                for steps in (WARM_UP_STEPS, TIMED_STEPS):
                    began = time.monotonic()
                    train(self.subject, replace(plan.recipe, steps=steps, samples=0), items)
                    spent = (time.monotonic() - began) / steps
                    if spent * steps > SLOW:
                        break
        except (SubjectFault, TimeLimitExceeded):
            return 0.0
        return OBSERVING * plan.recipe.steps * spent

    def _built(self, plan: Plan) -> InProcessSubject:
        """Return the subject, or the same implementation built with the plan's arguments; raises SubjectFault if it cannot be."""
        if not plan.arguments:
            return self.subject
        if self.target is None or self.target.rebuild is None:
            names = ", ".join(plan.arguments)
            raise SubjectFault("construction", f"does not take {names}")
        return bind(replace(self.target, make=partial(self.target.rebuild, dict(plan.arguments))), self.options)

    def _progress(self, plan: Plan) -> Callable[[int, int], None]:
        name, started = _label(plan), time.monotonic()

        def progress(step: int, steps: int) -> None:
            left = (time.monotonic() - started) * (steps - step) / max(step, 1)
            self.say(f"{name}: step {step} of {steps} ({left:.0f} s more)")

        return progress

    def _context(self, subject: InProcessSubject, plan: Plan) -> ImageContext:
        data = dataset(plan.recipe.dataset, self.options)
        shape = subject.facts.input_shape if plan.system is None or plan.system[0] != "collapse" else (1, *data.train.shape[2:])
        key = (plan.recipe.dataset, shape, subject.facts.input_range)
        if key not in self._seen:
            form = form_for(subject, self.options) if data.kind is not InputKind.IMAGE else Form.SCALED
            compared = (1, *image_shape(shape)[1:]) if data.kind is InputKind.IMAGE else shape
            space = feature_space(data, compared, self.store, form)
            self._seen[key] = image_context(data, space, replace(subject.facts, input_shape=shape), form)
        return self._seen[key]

    def scale(self, subject: InProcessSubject, batch: int) -> float | None:
        """Return the scale of a subject's loss in its untrained state; cached for the bound subject, whose state never differs."""
        if subject is not self.subject:
            return loss_scale(subject, batch)
        if batch not in self._scales:
            self._scales[batch] = loss_scale(subject, batch)
        return self._scales[batch]

    def _train(self, subject: InProcessSubject, stages: Sequence[Plan], items: torch.Tensor) -> list[tuple[Training, TrainedRun]]:
        """Train, and return for the end of each stage the training and a run that holds its curves."""
        recipe = stages[-1].recipe
        if self._slow is not None and recipe.steps >= self._slow.steps:
            raise self._slow  # every other training would take as long
        with self._remembering(), time_limit(self.options.training_time_limit, f"one training ({recipe.steps} steps)"):
            trainings = train_in_stages(subject, recipe, [stage.recipe.steps for stage in stages], items, self._progress(stages[-1]))
        batch = min(recipe.batch, len(items)) if recipe.batch else LAB_ITEMS
        scale = self.scale(subject, batch)
        return [(training, self._curves(subject, stage, training, items, scale)) for stage, training in zip(stages, trainings, strict=True)]

    @contextmanager
    def _remembering(self) -> Iterator[None]:
        try:
            yield
        except StillTraining as late:
            self._slow = late
            raise

    def _curves(self, subject: InProcessSubject, plan: Plan, training: Training, items: torch.Tensor, scale: float | None) -> TrainedRun:
        repeat = _repeat(subject, plan, items, training) if plan.thorough else (None, 0)
        unit = scale if scale is not None else 1.0
        return TrainedRun(
            plan.recipe,
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

    def _observe_images(self, subject: InProcessSubject, stages: Sequence[Plan]) -> list[TrainedRun]:
        context = self._context(subject, stages[-1])
        trained = self._train(subject, stages, context.train)
        return [self._observe_trained(subject, plan, context, *found) for plan, found in zip(stages, trained, strict=True)]

    def _observe_trained(
        self, subject: InProcessSubject, plan: Plan, context: ImageContext, training: Training, run: TrainedRun
    ) -> TrainedRun:
        if training.diverged_at is not None:
            return run
        reported_scale = self.scale(subject, min(REPORTED_ITEMS, len(context.test)))
        noise = self._noise_over_data(subject, context, plan)
        stationarity_scale = self.scale(subject, min(STATIONARITY_ITEMS, len(context.train))) if plan.thorough else None
        with _in_state(subject, training):
            return replace(
                run,
                notes={**run.notes, NOISE_OVER_DATA: noise},
                held_out=held_out(subject, context.train, context.test, reported_scale),
                stationarity=stationarity(subject, context.train, stationarity_scale) if plan.thorough else None,
                observations=_image_observations(subject, context, plan),
            )

    def _noise_over_data(self, subject: InProcessSubject, context: ImageContext, plan: Plan) -> float:
        """Return the noise variance that a squared error implies, including its accepted KL weight, over the data's largest variance.

        0 for other likelihoods, for weights that are not accepted, and in trainings without a KL.
        """
        scale = self.scale(subject, 4)
        if subject.facts.likelihood is not Likelihood.SQUARED_ERROR or scale is None:
            return 0.0
        weight = kl_weight(subject, batch=4) / scale
        if not math.isclose(weight, nearest_weight(weight, accepted_weights(subject.facts)), rel_tol=0.05):
            return 0.0
        return weight * plan.recipe.beta / context.largest_variance

    def _observe_as_it_is(self, plan: Plan) -> TrainedRun:
        """Observe a model with given weights on held-out items, as a run without curves."""
        context = self._context(self.subject, plan)
        scale = self.scale(self.subject, min(REPORTED_ITEMS, len(context.test)))
        nothing = np.zeros(0)
        return TrainedRun(
            plan.recipe,
            nothing,
            nothing,
            nothing,
            nothing,
            held_out=held_out(self.subject, context.train, context.test, scale),
            observations=_image_observations(self.subject, context, plan),
        )

    def _observe_points(self, subject: InProcessSubject, plan: Plan) -> TrainedRun:
        ((training, run),) = self._train(subject, [plan], torch.zeros(0))
        if training.diverged_at is not None:
            return run
        with _in_state(subject, training):
            return replace(run, points=observe_points(subject, plan.recipe.seed))


@contextmanager
def _in_state(subject: InProcessSubject, training: Training) -> Iterator[None]:
    """Give the subject its trained state within the block."""
    before = subject.state()
    subject.load(training.state)
    try:
        yield
    finally:
        subject.load(before)


def _image_observations(subject: InProcessSubject, context: ImageContext, plan: Plan) -> ImageObservations | None:
    """Observe a trained subject on images; None if its latents diverged, which the curves and the KL show."""
    try:
        return observe_images(subject, context, noise=plan.recipe.noise)
    except RunawayError:
        return None


def _label(plan: Plan) -> str:
    """Describe a training in a few words."""
    recipe = plan.recipe
    parts = [f"seed {recipe.seed}"]
    if plan.system is not None:
        parts += [part for part in plan.system if part]
    parts += [f"{name} {getattr(value, '__name__', value)}" for name, value in plan.arguments.items()]
    if not recipe.noise:
        parts.append("as an autoencoder")
    elif recipe.beta != 1 and not recipe.single_stream:
        parts.append(f"beta {recipe.beta:.3g}")
    return ", ".join(parts)


def _repeat(subject: InProcessSubject, plan: Plan, items: torch.Tensor, training: Training) -> tuple[float | None, int]:
    """Repeat the first steps of a training; return the largest relative difference and the number of steps compared."""
    steps = min(REPEATED_STEPS, plan.recipe.steps)
    again = train(subject, replace(plan.recipe, steps=steps, samples=0), items)
    repeated, first = again.total, training.total[: len(again.total)]
    if len(repeated) != len(first) or not len(first):
        return None, 0
    return float(np.abs(repeated - first).max() / np.abs(first).max()), len(first)


WILD = 100.0
"""Standard deviation of latents that drive an output to the ends of its range, if it has any."""


def form_for(subject: Subject, options: RunOptions) -> Form:
    """Return how rows or series are given to a subject: standardised, unless its output is bounded or a range is declared."""
    facts = subject.facts
    if facts.likelihood is not None and facts.likelihood.of_unit_data:
        return Form.SCALED if facts.likelihood.continuous_bernoulli else Form.BINARY
    low, high = facts.input_range
    z = WILD * torch.randn(64, facts.latent_dim, generator=torch.Generator().manual_seed(0))
    reached = subject.data(subject.decode(z))
    bounded = bool(((reached >= low) & (reached <= high)).all())
    return Form.SCALED if bounded or options.input_range is not None else Form.STANDARDISED


def dataset(name: str, options: RunOptions) -> datasets.Dataset:
    """Return a data set of a run, loaded on first use.

    Raises:
        Unbound: it cannot be loaded.
    """
    return _loaded(name, options.data_root, options.data)


@functools.cache
def _loaded(name: str, root: str | None, data: str | None) -> datasets.Dataset:
    return datasets.load(name, root, data)
