"""Models whose forward is for inference alone: the pass that is trained stands in a method of its own, as Lightning has it.

Their forward gives a code, or what the mean decodes to, and draws nothing; `training_step` encodes, draws, decodes and returns the loss,
and does not call forward. Such a method is put in the place of forward, whose result is then the loss, and its parts are watched while it
runs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from vae_conformance.binding.findings import Findings
from vae_conformance.binding.injection import answering
from vae_conformance.binding.loss_arguments import of_batch
from vae_conformance.binding.loss_search import METHOD_NAMES, STEP_NAMES
from vae_conformance.binding.losses import behind
from vae_conformance.binding.passes import has_forward
from vae_conformance.guard.random_calls import DROPPING, RandomCalls
from vae_conformance.target.target import Target
from vae_spec.subject import Noise, SubjectFault

_INSIDE = "_vae_conformance_inside_its_step"


def by_its_step(found: Findings) -> Target | None:
    """The target with a method of the batch in the place of its forward; None where forward is the pass that is trained.

    Forward is not where it draws nothing in training mode, and a method of the batch does that gives a number and calls no forward.

    Args:
        found: the model, and the training pass of its forward.
    """
    model, target = found.model, found.target
    if not isinstance(model, nn.Module) or not has_forward(model) or target.record is not None:
        return None
    methods = [name for name in (*STEP_NAMES, *METHOD_NAMES) if callable(getattr(type(model), name, None))]
    if not methods or found.fault is not None or found.random - DROPPING:
        return None
    for name in methods:
        for batch in of_batch(getattr(model, name)):
            for labelled in (True,) if batch.takes_index else (False, True):
                run = _handing(name, indexed=batch.takes_index, labelled=labelled)
                if not batch.needs_weight and _draws_alone(found, partial(run, model)):
                    return _turned(target, name, run)
    return None


def _draws_alone(found: Findings, run: Callable[[Tensor], Any]) -> bool:
    """Whether a pass draws noise, dropout aside, in training mode, without a call of forward."""
    watch, called = RandomCalls(Noise()), []

    def noted(own: Callable[..., Any], *arguments: Any, **keywords: Any) -> Any:
        called.append(own)
        return own(*arguments, **keywords)

    def watched() -> None:
        with watch, answering(found.model, "forward", noted):
            run(found.x.clone())

    try:
        found.call("training step", watched, train=True)
    except SubjectFault:
        return False
    return not called and bool(set(watch.names) - DROPPING)


def _handing(name: str, *, indexed: bool, labelled: bool) -> Callable[[Any, Tensor], Any]:
    """A forward that runs a method on the batch, with labels and its place in the epoch where the method takes them."""

    def forward(self: Any, x: Tensor) -> Any:
        if getattr(self, _INSIDE, False):
            return super(type(self), self).forward(x)
        object.__setattr__(self, _INSIDE, True)
        try:
            batch = (x, torch.zeros(len(x), dtype=torch.long, device=x.device)) if labelled else x
            return getattr(self, name)(batch, 0) if indexed else getattr(self, name)(batch)
        finally:
            object.__setattr__(self, _INSIDE, False)

    return forward


def _turned(target: Target, name: str, forward: Callable[[Any, Tensor], Any]) -> Target:
    """The target with every model that it gives turned into one with another forward."""

    def turn(model: Any) -> Any:
        kind = type(model)
        # People who are sent to forward are sent to the method.
        own = {entry: getattr(kind, entry) for entry in ("__module__", "__qualname__", "__doc__")}
        model.__class__ = type(kind.__name__, (kind,), own | {"forward": behind(getattr(kind, name), forward)})
        return model

    return replace(
        target.turned(turn),
        remarks=(*target.remarks, f"forward draws nothing and {name} does, without forward: its pass is the one that is judged"),
    )
