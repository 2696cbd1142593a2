"""The output in a recorded pass: what follows the latent, and is not joined with the batch again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor

from vae_conformance.binding.roles.posterior import ORIGINS, alike
from vae_conformance.binding.trace.tape import Recording


@dataclass(frozen=True)
class OutputNode:
    """A node that holds the output, or one of its two tensors.

    Attributes:
        number: of the node.
        shape: of one item of it.
        origin: what the node holds for a value of this tensor as the model gives it.
    """

    number: int
    shape: tuple[int, ...]
    origin: Callable[[Tensor], Tensor] = ORIGINS[0]


def find_outputs(recording: Recording, z: int, raw: Sequence[Tensor], batch: int) -> tuple[OutputNode, ...] | None:
    """Find the output: the last node that all that is joined with the batch again, and follows z, was made of.

    Args:
        recording: of a pass that computes a loss.
        z: the number of the latent's node.
        raw: an output: of its size for a single tensor, and that of this very pass for several.
        batch: the number of items.

    Returns:
        A node for each tensor of the output; None where they cannot be told.
    """
    nodes = recording.nodes
    of_latent = recording.descendants(frozenset({z}))
    of_batch = {0}
    for number, node in enumerate(nodes):
        if number != z and of_batch.intersection(node.parents):
            of_batch.add(number)

    def sized(number: int) -> bool:
        value = nodes[number].value
        return value is not None and value.dim() > 0 and value.shape[0] == batch and value.numel() == raw[0].numel()

    apart = of_latent - of_batch
    joined = {parent for number in of_latent & of_batch for parent in nodes[number].parents if parent in apart and sized(parent)}
    if not joined:
        return None
    if len(raw) > 1:
        found = [_holding(recording, sorted(one for one in apart if sized(one)), tensor) for tensor in raw]
        return None if None in found else tuple(one for one in found if one is not None)
    common = set.intersection(*({one, *recording.ancestors(one)} for one in joined))
    last = max((one for one in common & apart if sized(one)), default=None)
    value = None if last is None else nodes[last].value
    return None if last is None or value is None else (OutputNode(last, tuple(value.shape[1:])),)


def _holding(recording: Recording, numbers: Sequence[int], tensor: Tensor) -> OutputNode | None:
    """The first of these nodes that holds a tensor, or what it was made of: a deviation where the model gives a log-variance, say."""
    for origin in ORIGINS:
        for number in numbers:
            value = recording.nodes[number].value
            if value is not None and alike(value, origin(tensor)):
                return OutputNode(number, tuple(value.shape[1:]), origin)
    return None
