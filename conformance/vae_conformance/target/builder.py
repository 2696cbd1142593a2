"""Builds instances of a class or a factory with the first set of arguments that works, the same one every time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from vae_conformance.errors import Unbound
from vae_conformance.guard.seeds import seeded
from vae_conformance.guard.time_limit import user_code
from vae_conformance.target.adapter import has_forward
from vae_conformance.target.arguments import Way, construct, ways_to_construct


@dataclass
class Builder:
    """Builds instances of a class or a factory.

    Attributes:
        maker: the class or factory.
        label: its name in messages.
        shape: the shape of one item, if known.
        limit: the time limit of one construction in seconds.
        tree: the folder of its source.
        arguments: the constructor arguments; settled when the first instance is made, by trying the candidates in order.
        notes: remarks on the arguments for the report.
    """

    maker: Callable[..., object]
    label: str
    shape: tuple[int, ...] | None
    limit: float
    tree: Path | None
    arguments: dict[str, object] = field(init=False)
    notes: tuple[str, ...] = field(init=False)
    _settled: bool = False

    def __post_init__(self) -> None:
        """Collect the candidate arguments; raises `Unbound` if the name of a required parameter is not recognised."""
        self._ways = ways_to_construct(self.maker, label=self.label, input_shape=self.shape)
        self._settled = len(self._ways) == 1
        self.arguments = dict(self._ways[0].arguments)
        place = self._ways[0].place
        self.notes = (f"it is constructed as {place} of its file does",) if place and self.arguments else ()

    def make(self) -> object:
        """Construct a new instance.

        Raises:
            Unbound: the constructor fails with all candidates; the message is that of the best.
        """
        if not self._settled:
            self._settled = True
            best = self._best()
            self.arguments.clear()
            self.arguments.update(best.arguments)
        return self._by(self.arguments)

    def rebuild(self, sizes: Mapping[str, object]) -> object:
        """Construct a new instance with other sizes.

        Raises:
            Unbound: the constructor fails with all candidates.
        """
        ways = ways_to_construct(self.maker, label=self.label, input_shape=self.shape, sizes=sizes)
        for way in ways[:-1]:
            with suppress(Unbound):
                return self._by(way.arguments)
        return self._by(ways[-1].arguments)

    def _by(self, arguments: Mapping[str, object]) -> object:
        return construct(self.maker, arguments, label=self.label, limit=self.limit, tree=self.tree)

    def _best(self) -> Way:
        """Return the first candidate whose model accepts items of the known shape, else the first that constructs a model."""
        constructed = []
        for way in self._ways:
            with suppress(Unbound), seeded(0):
                model = self._by(way.arguments)
                constructed.append(way)
                if self.shape is None or self._takes(model, self.shape):
                    return way
        return (constructed or self._ways)[0]

    def _takes(self, model: object, shape: tuple[int, ...]) -> bool:
        """Return whether it maps a batch of two to a batch of two; an object without a forward passes unchecked."""
        if not (isinstance(model, nn.Module) and has_forward(model)):
            return True
        try:
            with user_code(f"calling {self.label}", limit=self.limit, tree=self.tree, too_long=""), torch.no_grad():
                result = model(torch.zeros(2, *shape))
        except Unbound:
            return False
        return any(one.dim() > 0 and len(one) == 2 for one in _tensors(result))


def _tensors(result: object) -> Iterator[Tensor]:
    if isinstance(result, Tensor):
        yield result
    elif isinstance(result, Mapping | tuple | list):
        for one in result.values() if isinstance(result, Mapping) else result:
            yield from _tensors(one)
    elif hasattr(result, "__dict__"):
        yield from (one for one in vars(result).values() if isinstance(one, Tensor))
