"""The output in a recorded pass: what follows the latent, and is not joined with the batch again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from vae_conformance.binding.roles.nodes import ORIGINS, Roles, alike, twins_of
from vae_conformance.binding.trace.tape import Recording

_VIEWS = frozenset({"view", "reshape", "flatten", "squeeze", "unsqueeze", "view_as", "reshape_as", "contiguous", "clone", "to"})
"""Operations that keep the numbers of any tensor."""


@dataclass(frozen=True)
class OutputNode:
    """A node that holds the output, or one of its two tensors.

    Attributes:
        number: of the node.
        shape: of it, with -1 for the number of items.
        origin: what the node holds for a value of this tensor as the model gives it.
    """

    number: int
    shape: tuple[int, ...]
    origin: Callable[[Tensor], Tensor] = ORIGINS[0]


def outputs_of(recording: Recording, roles: Roles, batch: int, size: int, raw: Sequence[Tensor] = ()) -> tuple[OutputNode, ...] | None:
    """Find the output of a pass by what it is decoded from: z, or mu where that is, or what another call of the model gives as mu.

    Args:
        recording: of a pass that computes a loss.
        roles: of its nodes.
        batch: the number of items.
        size: how many numbers the output holds, or each of its tensors.
        raw: the output of this very pass, where it is known; of one tensor, where it is not.

    Returns:
        A node for each tensor of the output; None where they cannot be identified.
    """
    starts = (roles.z.number, roles.mu.number, *twins_of(recording, roles.mu.number))
    return next((found for one in starts if (found := _decoded_from(recording, one, batch, size, raw)) is not None), None)


def _decoded_from(recording: Recording, z: int, batch: int, size: int, raw: Sequence[Tensor]) -> tuple[OutputNode, ...] | None:
    """The nodes that hold a known output; else the last that all that is joined with the batch again, and follows z, was made of."""
    nodes = recording.nodes
    of_latent = recording.descendants(frozenset({z}))
    of_batch = {0}
    for number, node in enumerate(nodes):
        if number != z and of_batch.intersection(node.parents):
            of_batch.add(number)
    apart = of_latent - of_batch
    if raw:
        ways = [
            (there, origins)
            for origins in ([ORIGINS] if len(raw) > 1 else [ORIGINS[:1], (_logits,)])
            for there in (sorted(apart), range(z, len(nodes)))
        ]
        found = [next(filter(None, (_holding(recording, there, tensor, origins) for there, origins in ways)), None) for tensor in raw]
        if None not in found:
            return tuple(one for one in found if one is not None)

    def sized(number: int) -> bool:
        value = nodes[number].value
        return value is not None and value.dim() > 0 and value.shape[0] == batch and value.numel() == size

    joined = {parent for number in of_latent & of_batch for parent in nodes[number].parents if parent in apart and sized(parent)}
    if not joined or len(raw) > 1:
        return None
    common = set.intersection(*({one, *recording.ancestors(one)} for one in joined))
    last = max((one for one in common & apart if sized(one)), default=None)
    value = None if last is None else nodes[last].value
    return None if last is None or value is None else (OutputNode(last, (-1, *value.shape[1:])),)


def _logits(output: Tensor) -> Tensor:
    """What an output in [0, 1] was made of by a sigmoid, where forward gives probabilities and the loss takes logits; finite at 0 and 1."""
    return torch.logit(output, eps=torch.finfo(output.dtype).eps)


def _unchanged(recording: Recording, number: int, value: Tensor) -> tuple[int, Tensor]:
    """The last node that holds the same numbers, as long as nothing else is made of those before it.

    Views of it are left out: they keep any numbers, and may come behind operations whose count depends on the number of items.
    """
    last, here = (number, value), number
    while True:
        made = [child for child, node in enumerate(recording.nodes) if here in node.parents]
        there = recording.nodes[made[0]].value if len(made) == 1 else None
        if there is None or not alike(there, value) or there.shape[:1] != value.shape[:1]:
            return last
        here = made[0]
        if recording.nodes[here].operation not in _VIEWS:
            last = here, there


def _holding(
    recording: Recording, numbers: Sequence[int], tensor: Tensor, origins: Sequence[Callable[[Tensor], Tensor]]
) -> OutputNode | None:
    """The first of these nodes that holds a tensor, or what it was made of: a deviation where the model gives a log-variance, say."""
    for number in numbers:
        value = recording.nodes[number].value
        for origin in origins:
            if value is not None and len(tensor) in value.shape and alike(value, origin(tensor)):
                number, value = _unchanged(recording, number, value)  # noqa: PLW2901  a clamp before it is no part of what is asked
                shape = list(value.shape)
                shape[shape.index(len(tensor))] = -1
                return OutputNode(number, tuple(shape), origin)
    return None
