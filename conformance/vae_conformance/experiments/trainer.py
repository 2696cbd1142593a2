"""The trainer: one loop over data in memory. Initialisation, data order and noise have separate seeds, which paired runs share."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from vae_conformance.binding.adam import Adam
from vae_conformance.binding.interface import trainable
from vae_conformance.data.datasets import clusters
from vae_conformance.guard.calls import HANGING
from vae_conformance.guard.random_calls import RandomCalls
from vae_conformance.guard.seeds import seeded
from vae_conformance.guard.time_limit import TimeLimitExceeded
from vae_spec.context import derive_seed
from vae_spec.evidence import Curve, Recipe, Training
from vae_spec.subject import Noise, SubjectFault, Terms

if TYPE_CHECKING:
    from vae_conformance.binding.bound_subject import InProcessSubject
from vae_conformance.binding.watching import set_mode

Progress = Callable[[int, int], None]
CHECK_EVERY = 50
"""Steps between two checks that the loss is finite; between them nothing waits for the device."""


def batches(items: int, recipe: Recipe, device: torch.device | str = "cpu") -> Iterator[Tensor | None]:
    """Yield the indices of each step: a new order every epoch, without incomplete batches; None means all items.

    The orders are drawn on the CPU, so that they are the same on every device, and copied to the device one epoch at a time.
    """
    if recipe.batch == 0:
        yield from [None] * recipe.steps
        return
    rng = torch.Generator().manual_seed(derive_seed(recipe.seed, "data order"))
    size = min(recipe.batch, items)
    order, position = torch.randperm(items, generator=rng).to(device), 0
    for _ in range(recipe.steps):
        if position + size > items:
            order, position = torch.randperm(items, generator=rng).to(device), 0
        yield order[position : position + size]
        position += size


def train(subject: InProcessSubject, recipe: Recipe, data: Tensor, progress: Progress | None = None) -> Training:
    """Train a subject from a fresh initialisation, and restore its current state afterwards.

    Args:
        subject: the subject to train.
        recipe: how to train.
        data: of shape (items, *input_shape); with `recipe.single_stream` the 2-D lab's points are drawn from the seeded stream instead.
        progress: called from time to time as progress(step, steps).

    Raises:
        SubjectFault: the implementation's code failed in training.
    """
    return train_in_stages(subject, recipe, (recipe.steps,), data, progress)[-1]


def train_in_stages(
    subject: InProcessSubject, recipe: Recipe, stops: Sequence[int], data: Tensor, progress: Progress | None = None
) -> list[Training]:
    """Train once and return the training after each of several numbers of steps, equal to separate trainings of those lengths.

    `stops` are numbers of steps, ascending, the last of them `recipe.steps`; the other arguments are those of `train`.

    Raises:
        SubjectFault: the implementation's code failed in training.
    """
    before = subject.state()
    # Constant pixels lead to denormal gradients and moments, on which processors are slow.
    torch.set_flush_denormal(True)
    try:
        if recipe.single_stream:
            with seeded(recipe.seed, subject.device):
                data = clusters()
                made = subject.construct()
                subject.load(made.state_dict())  # type: ignore[attr-defined]
                return _loop(subject, recipe, stops, data, progress)
        subject.load(subject.fresh(derive_seed(recipe.seed, "initialisation")))
        with seeded(derive_seed(recipe.seed, "noise"), subject.device):
            return _loop(subject, recipe, stops, data, progress)
    finally:
        torch.set_flush_denormal(False)
        subject.load(before)


def _loop(subject: InProcessSubject, recipe: Recipe, stops: Sequence[int], data: Tensor, progress: Progress | None) -> list[Training]:
    data = data.to(subject.device, torch.float32)
    parameters = list(trainable(subject.model).values())
    if not parameters:
        raise SubjectFault("training", "there are no trainable parameters", "not-a-module")
    optimiser = Adam(parameters, lr=recipe.learning_rate, fused=not recipe.single_stream)
    set_mode(subject.model, True)
    curves: list[Tensor] = []
    states: dict[int, dict[str, Tensor]] = {}
    diverged: int | None = None
    pace = _Pace(recipe.steps)
    with subject.caller.calling("training"), pace, torch.enable_grad():
        for step, chosen in enumerate(batches(len(data), recipe, subject.device)):
            # index_select copies whole items, indexing single entries: the same values in a quarter of the time.
            x = data if chosen is None else data.index_select(0, chosen)
            try:
                with _noise(subject, recipe):
                    terms, analytic = subject.objective(x, recipe.beta)
            except Exception:
                # A loss may reject the output of a model whose parameters are not finite: that is divergence, not another fault.
                if all(bool(torch.isfinite(value).all()) for value in parameters):
                    raise
                diverged = _first_not_finite(curves) if curves else None
                diverged = len(curves) if diverged is None else diverged
                break
            optimiser.zero_grad()
            terms.total.backward()
            optimiser.step()
            curves.append(_point(terms, analytic))
            pace.step()
            if step + 1 in stops:
                states[step + 1] = subject.state()
            if (step + 1) % CHECK_EVERY == 0 or step + 1 == recipe.steps:
                diverged = _first_not_finite(curves)
                if progress is not None:
                    progress(step + 1, recipe.steps)
                if diverged is not None:
                    break
        samples = _closing_samples(subject, recipe) if diverged is None else None
    curve: Curve = torch.stack(curves).double().numpy(force=True) if curves else np.zeros((0, 4))
    trainings = []
    for stop in stops:
        fell = diverged if diverged is not None and diverged < stop else None
        end = stop if fell is None else fell
        kept = states.get(stop) or subject.state()
        shown = samples if stop == recipe.steps else None
        trainings.append(Training(curve[:end, 0], curve[:end, 1], curve[:end, 2], curve[:end, 3], kept, fell, shown))
    return trainings


class StillTraining(SubjectFault):
    """A training exceeded its time limit although no step hung: this decides nothing about the implementation.

    Attributes:
        done: number of steps made.
        steps: number of steps of the whole training.
    """

    def __init__(self, done: int, steps: int, limit: float) -> None:
        super().__init__("training", f"made {done} of {steps} steps within {limit:g} s", limit=limit)
        self.done = done
        self.steps = steps


class _Pace:
    """Context manager that distinguishes a slow training from one that hangs when its time limit expires."""

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self.done = 0
        self.longest = 0.0
        self.latest = time.monotonic()

    def step(self) -> None:
        """Record one step."""
        now = time.monotonic()
        self.done += 1
        self.longest = max(self.longest, now - self.latest)
        self.latest = now

    def __enter__(self) -> None:
        self.latest = time.monotonic()

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        slow = self.done > 1 and time.monotonic() - self.latest <= HANGING * self.longest
        if isinstance(error, TimeLimitExceeded) and slow:
            raise StillTraining(self.done, self.steps, error.seconds) from None


def _noise(subject: InProcessSubject, recipe: Recipe) -> AbstractContextManager[object]:
    """Return a context that controls a step's noise if needed; interception costs time."""
    if recipe.noise and not subject.facts.private_noise:
        return nullcontext()
    return RandomCalls(Noise() if recipe.noise else Noise.none())


def _point(terms: Terms, analytic: Tensor) -> Tensor:
    """Return a step's entries of the four curves, on the total's device: terms reported as plain numbers are on the CPU."""
    total = terms.total.detach()
    parts = [value.detach().to(total.device) for value in (terms.reconstruction, terms.kl)]
    return torch.stack([total, *parts, analytic.to(total)])


def _first_not_finite(curves: list[Tensor]) -> int | None:
    """Return the first step whose loss is not finite among the latest `CHECK_EVERY`, or None."""
    latest = torch.stack(curves[-CHECK_EVERY:])
    bad = (~torch.isfinite(latest[:, :3])).any(1).nonzero()
    return len(curves) - len(latest) + int(bad[0]) if len(bad) else None


def _closing_samples(subject: InProcessSubject, recipe: Recipe) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]] | None:
    """Decode prior samples at the end, drawn from the random stream that the training used."""
    if recipe.samples == 0:
        return None
    z = torch.randn(recipe.samples, subject.facts.latent_dim)
    return subject.data(subject.decode(z)).double().numpy(force=True)
