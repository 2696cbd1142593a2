"""Builds instances of a class or a factory: by the best way of constructing it that works, the same one every time."""

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
from vae_conformance.target.arguments import Way, construct, ways_to_construct


@dataclass
class Builder:
    """Builds what was named.

    Attributes:
        maker: the class or factory.
        label: how messages call it.
        shape: that of one item, where it is known.
        limit: seconds that one construction may take.
        tree: the folder of the code.
        arguments: those that it is constructed with; a way that fails gives way to the next when the first instance is made.
        notes: what is to be said of them.
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
        """Raises: Unbound: a required parameter has a name that says nothing."""
        self._ways = ways_to_construct(self.maker, label=self.label, input_shape=self.shape)
        self._settled = len(self._ways) == 1
        self.arguments = dict(self._ways[0].arguments)
        place = self._ways[0].place
        self.notes = (f"it is constructed as {place} of its file does",) if place and self.arguments else ()

    def make(self) -> object:
        """A new instance.

        Raises:
            Unbound: the constructor fails by every way; the message is that of the best.
        """
        if not self._settled:
            self._settled = True
            best = self._best()
            self.arguments.clear()
            self.arguments.update(best.arguments)
        return self._by(self.arguments)

    def rebuild(self, sizes: Mapping[str, object]) -> object:
        """A new instance with other values of the sizes.

        Raises:
            Unbound: the constructor refuses them by every way.
        """
        ways = ways_to_construct(self.maker, label=self.label, input_shape=self.shape, sizes=sizes)
        for way in ways[:-1]:
            with suppress(Unbound):
                return self._by(way.arguments)
        return self._by(ways[-1].arguments)

    def _by(self, arguments: Mapping[str, object]) -> object:
        return construct(self.maker, arguments, label=self.label, limit=self.limit, tree=self.tree)

    def _best(self) -> Way:
        """The first way that gives a model which takes items of the known shape; else the first that gives a model."""
        constructed = []
        for way in self._ways:
            with suppress(Unbound), seeded(0):
                model = self._by(way.arguments)
                constructed.append(way)
                if self.shape is None or self._takes(model, self.shape):
                    return way
        return (constructed or self._ways)[0]

    def _takes(self, model: object, shape: tuple[int, ...]) -> bool:
        """Whether a batch of two goes through it as a batch of two; whatever has no forward is not asked."""
        if not isinstance(model, nn.Module) or type(model).forward is nn.Module.forward:
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
