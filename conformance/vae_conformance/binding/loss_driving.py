"""Losses that run the model themselves: they are run with other values in the places of what the model's parts, or its forward, give."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from vae_conformance.binding.doors import injections
from vae_conformance.binding.findings import Findings
from vae_conformance.binding.injection import Injection
from vae_conformance.binding.loss_arguments import POSITIONS, Batch
from vae_conformance.binding.loss_search import driving_candidates
from vae_conformance.binding.loss_values import changed_result
from vae_conformance.binding.losses import Kind, Loss, behind, plain_values
from vae_conformance.binding.passes import call_forward, has_forward
from vae_conformance.binding.returns import Returns, entries
from vae_spec.subject import Raw

DRIVEN = {role: role for role in POSITIONS}
_HANDED = "probe: the running model was handed outputs and posteriors, and what it returns follows both"


def driven_losses(found: Findings, injection: Injection, named: tuple[str, ...] = ()) -> Iterator[Loss]:
    """Losses of the batch: the model's own pass, methods and steps, and functions of the module that take the model and the batch."""
    doors = list(_doors(found, injection))
    for account, own, run, weight, needs in _runs(found, named):
        for door in doors:
            if own is getattr(found.model, "forward", None) and door.result is not None:
                continue
            yield Loss(
                account,
                behind(own, _driven(found, door, run)),
                DRIVEN if weight is None else {**DRIVEN, "beta": weight},
                Returns.SCALAR,
                values=_raw_values,
                needs_beta=needs,
                kind=Kind.DRIVEN,
                known_by=_HANDED,
            )


def _doors(found: Findings, injection: Injection) -> Iterator[Injection]:
    """Where a posterior and an output may be handed in: to the parts; to the parts and into forward's result; into its result alone.

    What forward computes beside the two, such as its own KL, follows the posterior by the parts alone: they go first.
    """
    if injection.takes_code and injection.decode is not None:
        yield injection
    elif injection.decode is not None:
        # Heads that forward keeps as attributes are given by layers.
        yield from (replace(layers, decode=injection.decode) for layers in injections(found))
    roles = ("mu", "logvar", "posterior")
    if injection.takes_code and (output := changed_result(found, ("raw",))) is not None:
        yield replace(injection, decode=None, result=output)
    if (everything := changed_result(found, ("raw", *roles))) is not None:
        yield Injection(result=everything)


Run = tuple[str, Callable[..., Any], Callable[..., Any], str | None, bool]


def _runs(found: Findings, named: tuple[str, ...]) -> Iterator[Run]:
    """What may be run: its account, the author's own code, how a batch is handed to it, its KL's weight, whether that has to be given."""
    model = found.model
    if has_forward(model) and not found.joint.composition:
        yield "forward(x)", model.forward, lambda x: call_forward(model, x), None, False
    for account, call, batch in driving_candidates(model, found.target.namespace, named):
        for labelled in (True,) if batch.takes_index else (False, True):
            shown = f"{account}(model, x)" if batch.takes_model else f"{account}(x)"
            yield shown, call, _called(call, model, batch, labelled=labelled), batch.weight, batch.needs_weight


def _called(call: Callable[..., Any], model: Any, batch: Batch, *, labelled: bool) -> Callable[..., Any]:
    def run(x: Tensor, **weight: float) -> Any:
        given: Any = (x, torch.zeros(len(x), dtype=torch.long, device=x.device)) if labelled else x
        there = {"model": model, "x": given, "index": 0}
        return call(*(there[role] for role in batch.order), **weight)

    return run


def _raw_values(raw: Raw, x: Tensor, mu: Tensor, second: Tensor, z: Tensor | None) -> dict[str, Any]:
    return {**plain_values(raw, x, mu, second, z), "raw": raw}


def _driven(found: Findings, injection: Injection, run: Callable[..., Any]) -> Callable[..., Any]:
    def loss(raw: Raw, x: Tensor, mu: Tensor, second: Tensor, **weight: float) -> Any:
        with injection.given(found.model, raw, mu, second):
            result = run(x, **weight)
        return entries(result, len(x))

    return loss
