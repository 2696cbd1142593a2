"""Objectives that run the model themselves, asked at any output and posterior: their pass is replayed with these in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import torch
from torch import Tensor

from vae_conformance.binding.findings import BATCH, Findings
from vae_conformance.binding.injection import casting
from vae_conformance.binding.interface import as_raw
from vae_conformance.binding.layout import at
from vae_conformance.binding.roles.nodes import RoleNode, Roles, roles_by_value, twins_of
from vae_conformance.binding.roles.output import OutputNode, outputs_of
from vae_conformance.binding.roles.posterior import find_roles
from vae_conformance.binding.trace.replay import replay
from vae_conformance.binding.trace.tape import Recording, Replacement, record
from vae_conformance.binding.traced import heads_of
from vae_conformance.binding.watching import in_mode
from vae_spec.subject import Mode, Raw, SubjectFault

Run = Callable[[Tensor], Any]
_SAME = ("to", "expand", "broadcast_tensors")
"""Operations that may give back what they are given."""
Role = TypeVar("Role", RoleNode, OutputNode)


@dataclass(frozen=True)
class Replayed:
    """An objective as a function of the output and the posterior.

    Attributes:
        run: computes it for a batch, by way of the model.
        model: the model.
        roles: the nodes of mu, the second head and z in its pass.
        outputs: the nodes that hold the output.
        twins: other nodes that hold mu or the second head, of another call of the model on the same batch, by the node they are like.
    """

    run: Run
    model: Any
    roles: Roles
    outputs: tuple[OutputNode, ...] = ()
    twins: Mapping[int, int] = field(default_factory=dict)

    def __call__(self, run: Run, raw: Raw, x: Tensor, mu: Tensor, second: Tensor) -> Any:
        """Return what the pass gives with this output, if it has nodes for one, and this posterior."""
        roles = self.roles
        put: dict[int, Replacement] = {roles.mu.number: mu.reshape(len(mu), *roles.mu.shape)}
        if roles.second is not None:
            put[roles.second.number] = roles.second.origin(second).reshape(len(second), *roles.second.shape)
        put |= {twin: put[number] for twin, number in self.twins.items()}
        outputs = zip(self.outputs, raw if self.outputs else (), strict=True)
        put |= {node.number: node.origin(one).reshape(node.shape) for node, one in outputs}
        # Behind a mode of its own buffers are put back, and gradients of BatchNorm could no longer be had.
        training = nullcontext() if getattr(self.model, "training", True) else in_mode(self.model, Mode.TRAIN)
        with training, casting(self.model):
            return replay(run, x, put, roles.operations)


def replayed(found: Findings, run: Run, *, output: bool = True) -> Replayed | None:
    """Find the roles in the pass of an objective; None where its posterior, latent or output cannot be identified.

    Args:
        found: what is known of the model.
        run: computes the objective for a batch.
        output: whether it follows the output.

    Raises:
        SubjectFault: the pass fails.
    """

    def recorded(seed: int, put: Mapping[int, Replacement]) -> Recording:
        # The casts of a replay are nodes too, so that they have to be there.
        with in_mode(found.model, Mode.TRAIN), casting(found.model):
            recording: Recording = found.call("loss", record, run, found.x, put, train=True, seed=seed)
        return recording

    if found.raw is None:
        return None
    try:
        mu, second = heads_of(found)
    except SubjectFault:
        return None
    first = recorded(0, {})
    roles = find_roles(recorded, mu, second, BATCH)
    if roles is None or (second is not None and roles.second is None):
        roles = roles_by_value(first, mu, second)
    if roles is None:
        return None
    outputs: tuple[OutputNode, ...] | None = ()
    if output:
        outputs = outputs_of(first, roles, BATCH, found.raw[0].numel(), _own_output(found) or ())
    if outputs is None or (outputs and len(outputs) != len(found.raw)):
        return None
    roles = replace(roles, mu=_uncast(first, roles.mu), second=None if roles.second is None else _uncast(first, roles.second))
    twins = {twin: one.number for one in (roles.mu, roles.second) if one is not None for twin in twins_of(first, one.number)}
    return Replayed(run, found.model, roles, tuple(_uncast(first, one) for one in outputs), twins)


def _uncast(recording: Recording, node: Role) -> Role:
    """The node before casts, which would make what is put there less precise, and before views of it that the draw alone is given."""
    number, nodes = node.number, recording.nodes
    while nodes[number].operation in _SAME:
        same = [one for one in nodes[number].parents if _equal(nodes[one].value, nodes[number].value)]
        if not same:
            break
        number = same[0]
    return replace(node, number=number)


def _equal(one: Tensor | None, other: Tensor | None) -> bool:
    return one is not None and other is not None and torch.equal(one, other)


def _own_output(found: Findings) -> Raw | None:
    """The output of a training pass under the seed of the recordings."""
    if found.layout is None:
        return None
    return as_raw(at(found.call("forward", found.joint, found.model, found.x.clone(), train=True), found.layout.raw))
