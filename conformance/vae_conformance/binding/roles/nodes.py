"""Nodes of a recorded pass that have a role, and how they are compared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from vae_conformance.binding.trace.tape import Line, Recording

ORIGINS: tuple[Callable[[Tensor], Tensor], ...] = (
    lambda second: second,
    lambda second: torch.exp(second / 2),
    lambda second: second / 2,
    torch.exp,
    torch.sqrt,
    torch.square,
    torch.log,
    lambda second: 2 * torch.log(second),
)
"""What a returned second head may have been made of for the return alone: from each meaning of it to each other."""


@dataclass(frozen=True)
class RoleNode:
    """A node with a role.

    Attributes:
        number: of the node.
        shape: of one item of it.
        origin: what the node holds for a value of the second head as the pass returns it.
    """

    number: int
    shape: tuple[int, ...]
    origin: Callable[[Tensor], Tensor] = ORIGINS[0]


@dataclass(frozen=True)
class Roles:
    """The nodes of a pass that have a role.

    Attributes:
        noise: those that hold draws; none where the pass draws nothing, and z is mu.
        z: the latent that is decoded.
        mu: the posterior's mean.
        second: the second head; None where nothing else moves the scale of the noise, or there is none.
        operations: all of the pass, to know another one by.
        line: the author's line that makes z, or None.
    """

    noise: tuple[int, ...]
    z: RoleNode
    mu: RoleNode
    second: RoleNode | None
    operations: tuple[str, ...]
    line: Line | None = None


def without_noise(recording: Recording, mu: Tensor | None) -> Roles | None:
    """The roles in a pass that draws nothing: what it decodes is mu."""
    if mu is None:
        return None
    there = [number for number, node in enumerate(recording.nodes) if number and alike(node.value, mu)]
    if not there:
        return None
    head = RoleNode(there[-1], shape(recording, there[-1]))
    return Roles((), head, head, None, recording.operations)


def roles_by_value(recording: Recording, mu: Tensor | None, second: Tensor | None) -> Roles | None:
    """The roles in a pass that shows no latent of one draw an item: the first nodes that hold a known mu and second head."""
    if mu is None or second is None:
        return None
    numbers = [next((one for one, node in enumerate(recording.nodes) if one and alike(node.value, head)), None) for head in (mu, second)]
    if numbers[0] is None or numbers[1] is None or numbers[0] == numbers[1]:
        return None
    heads = [RoleNode(number, shape(recording, number)) for number in numbers if number is not None]
    return Roles((), heads[0], heads[0], heads[1], recording.operations)


def twins_of(recording: Recording, number: int) -> tuple[int, ...]:
    """The nodes that another call of the same layer made of the same numbers."""
    own = recording.nodes[number]
    near = recording.ancestors(number) | recording.descendants(frozenset({number})) | {number}
    return tuple(
        other
        for other, node in enumerate(recording.nodes)
        if other not in near and node.operation == own.operation and node.value is not None and equal(node.value, own.value)
    )


def shape(recording: Recording, number: int) -> tuple[int, ...]:
    """The shape of one item of a node."""
    value = recording.nodes[number].value
    assert value is not None
    return tuple(value.shape[1:])


def equal(one: Tensor | None, other: Tensor | None) -> bool:
    """Whether two nodes hold the same, or neither has values."""
    if one is None or other is None:
        return one is other
    return one.shape == other.shape and torch.equal(one, other)


def alike(one: Tensor | None, other: Tensor) -> bool:
    """Whether a node's value holds the same numbers, in whatever shape an item has."""
    return one is not None and one.numel() == other.numel() and one.dim() > 1 and close(one.flatten(), other.flatten())


def close(one: Tensor, other: Tensor) -> bool:
    """Equal but for rounding."""
    return one.shape == other.shape and torch.allclose(one, other, rtol=1e-4, atol=1e-6)
