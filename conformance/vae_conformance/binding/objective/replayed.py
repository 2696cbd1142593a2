"""Objectives that run the model themselves, asked at any output and posterior: their pass is replayed with these in the place of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from vae_conformance.binding.findings import BATCH, Findings
from vae_conformance.binding.injection import casting
from vae_conformance.binding.roles.posterior import Roles, find_roles
from vae_conformance.binding.trace.tape import Recording, Replacement, record, replay
from vae_conformance.binding.traced import heads_of
from vae_conformance.binding.watching import in_mode
from vae_spec.subject import Mode, Raw, SubjectFault

Run = Callable[[Tensor], Any]


@dataclass(frozen=True)
class Replayed:
    """An objective as a function of the output and the posterior.

    Attributes:
        run: computes it for a batch, by way of the model.
        model: the model.
        roles: the nodes of mu, the second head and z in its pass.
        outputs: the numbers of the nodes that hold the output, and the shapes of one item of each.
    """

    run: Run
    model: Any
    roles: Roles
    outputs: tuple[tuple[int, tuple[int, ...]], ...]

    def __call__(self, run: Run, raw: Raw, x: Tensor, mu: Tensor, second: Tensor) -> Any:
        """Return what the pass gives with this output and this posterior."""
        roles = self.roles
        put: dict[int, Replacement] = {roles.mu.number: mu.reshape(len(mu), *roles.mu.shape)}
        if roles.second is not None:
            put[roles.second.number] = roles.second.origin(second).reshape(len(second), *roles.second.shape)
        put |= {number: one.reshape(len(one), *shape) for (number, shape), one in zip(self.outputs, raw, strict=True)}
        with casting(self.model):
            return replay(run, x, put)


def replayed(found: Findings, run: Run) -> Replayed | None:
    """Find the roles in the pass of an objective; None where it has no posterior, no latent or no output that can be told.

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
    roles = find_roles(recorded, mu, second, BATCH)
    if roles is None or (second is not None and roles.second is None):
        return None
    outputs = _outputs(recorded(0, {}), roles.z.number, found.raw)
    return None if outputs is None else Replayed(run, found.model, roles, outputs)


def _outputs(recording: Recording, z: int, raw: Raw) -> tuple[tuple[int, tuple[int, ...]], ...] | None:
    """The nodes that hold the output: the last that all that is joined with the batch again, and follows z, was made of."""
    nodes = recording.nodes
    of_latent = recording.descendants(frozenset({z}))
    of_batch = {0}
    for number, node in enumerate(nodes):
        if number != z and of_batch.intersection(node.parents):
            of_batch.add(number)
    sizes = [one.numel() for one in raw]

    def sized(number: int) -> bool:
        value = nodes[number].value
        return value is not None and value.dim() > 0 and value.shape[0] == BATCH and value.numel() in sizes

    apart = of_latent - of_batch
    joined = {parent for number in of_latent & of_batch for parent in nodes[number].parents if parent in apart and sized(parent)}
    if not joined:
        return None
    if len(raw) == 1:
        common = set.intersection(*({one, *recording.ancestors(one)} for one in joined))
        return _shaped(recording, [max((one for one in common & apart if sized(one)), default=None)])
    return _shaped(recording, sorted(joined)) if len(joined) == len(raw) else None


def _shaped(recording: Recording, numbers: list[int | None]) -> tuple[tuple[int, tuple[int, ...]], ...] | None:
    found = []
    for number in numbers:
        value = None if number is None else recording.nodes[number].value
        if number is None or value is None:
            return None
        found.append((number, tuple(value.shape[1:])))
    return tuple(found)

