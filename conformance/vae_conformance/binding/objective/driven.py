"""Losses that run the model themselves: methods and steps of the batch, functions of the model or its networks, the model's own pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from typing import Any

import torch
from torch import Tensor

from vae_conformance.binding.findings import Findings
from vae_conformance.binding.loss_arguments import POSITIONS, Batch, Signature
from vae_conformance.binding.loss_search import driving_candidates, loss_candidates
from vae_conformance.binding.loss_values import what_is_returned
from vae_conformance.binding.losses import Kind, Loss, behind, driven_values
from vae_conformance.binding.objective.replayed import Replayed, replayed
from vae_conformance.binding.passes import call_forward, has_forward
from vae_conformance.binding.returns import Returns, entries
from vae_conformance.target.adapter import part_of
from vae_spec.subject import Raw, SubjectFault

DRIVEN = {role: role for role in POSITIONS}
_HANDED = "probe: its pass was replayed with other outputs and posteriors, and what it returns follows both"

Run = tuple[str, Callable[..., Any], Callable[..., Any], str | None, bool]


def driven_losses(found: Findings, named: tuple[str, ...] = ()) -> Iterator[Loss]:
    """Losses of the batch; whether they follow the output and the posterior shows when they are called."""
    for account, own, run, weight, needs in _runs(found, named):
        yield Loss(
            account,
            behind(own, _driven(found, run, {weight: 1.0} if needs and weight is not None else {})),
            DRIVEN if weight is None else {**DRIVEN, "beta": weight},
            Returns.SCALAR,
            values=driven_values,
            needs_beta=needs,
            kind=Kind.DRIVEN,
            known_by=_HANDED,
        )


def _runs(found: Findings, named: tuple[str, ...]) -> Iterator[Run]:
    """What may be run: its account, the author's code, how it is called on a batch, its KL's weight, and whether that is required."""
    model = found.model
    if has_forward(model) and not found.joint.composition:
        yield "forward(x)", model.forward, lambda x: call_forward(model, x), None, False
    for account, call, batch in driving_candidates(model, found.target.namespace, named):
        for labelled in (True,) if batch.takes_index else (False, True):
            order = batch.order
            shown = f"{account}({', '.join(order)})" if batch.takes_model else f"{account}(x)"
            yield shown, call, _called(call, found, batch, labelled=labelled), batch.weight, batch.needs_weight
    if has_forward(model) and not found.joint.composition:
        for one in loss_candidates(model, found.target.namespace, named, what_is_returned(found)):
            taken = one.signature
            if one.whole and taken.roles.keys() - {"beta"} == {"outputs", "x"}:
                run = _of_result(one.call, found, taken)
                yield f"{one.account}(forward(x), x)", one.call, run, taken.roles.get("beta"), taken.needs_beta


def _of_result(call: Callable[..., Any], found: Findings, signature: Signature) -> Callable[..., Any]:
    def run(x: Tensor, **weight: float) -> Any:
        there = {"outputs": call_forward(found.model, x.clone()), "x": x}
        return call(*(there[role] for role in signature.roles if role != "beta"), **weight)

    return run


def _called(call: Callable[..., Any], found: Findings, batch: Batch, *, labelled: bool) -> Callable[..., Any]:
    def run(x: Tensor, **weight: float) -> Any:
        label = torch.zeros(len(x), dtype=torch.long, device=x.device)
        given: Any = (x, label) if labelled else x
        there = {"model": found.model, "x": given, "index": 0, "label": label}
        for role, name in (("encoder", found.encode), ("decoder", found.decode)):
            if role in batch.order:
                there[role] = getattr(found.model, role, None) or part_of(found.model, name or role)
        return call(*(there[role] for role in batch.order), **weight)

    return run


def _driven(found: Findings, run: Callable[..., Any], needed: Mapping[str, float]) -> Callable[..., Any]:
    @cache
    def objective() -> Replayed | None:
        return replayed(found, partial(run, **needed))

    def loss(raw: Raw, x: Tensor, mu: Tensor, second: Tensor, **weight: float) -> Any:
        there = objective()
        if there is None:
            raise SubjectFault("loss", "has no output and no posterior in its pass that another could take the place of")
        return entries(there(partial(run, **weight), raw, x, mu, second), len(x))

    return loss
