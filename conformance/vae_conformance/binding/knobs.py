"""A KL's weight that is kept as an attribute: of the loss object, or of the model whose method the loss is."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from vae_conformance.binding.loss_arguments import is_weight
from vae_conformance.target.adapter import inner_of


@dataclass(frozen=True)
class Knob:
    """An attribute that holds a number, the weight.

    Attributes:
        owner: the object that keeps it.
        name: of the attribute.
    """

    owner: Any
    name: str

    @property
    def value(self) -> float:
        """What it holds."""
        return float(getattr(self.owner, self.name))

    @property
    def account(self) -> str:
        """For the report."""
        return f"attribute {self.name} of {type(self.owner).__name__}"

    @contextmanager
    def turned(self, to: float) -> Iterator[None]:
        """It holds another number inside the block."""
        before = getattr(self.owner, self.name)
        setattr(self.owner, self.name, to)
        try:
            yield
        finally:
            setattr(self.owner, self.name, before)


def knob_of(call: Callable[..., Any]) -> Knob | None:
    """The one attribute of the object that a loss is, or is a method of, that has the name of a weight and holds a number above 0."""
    while hasattr(call, "__wrapped__"):
        call = call.__wrapped__
    owner = inner_of(getattr(call, "__self__", call))
    kept = vars(owner) if hasattr(owner, "__dict__") and not isinstance(owner, type) else {}
    names = [name for name, value in kept.items() if is_weight(name) and type(value) in (int, float) and 0 < value < math.inf]
    return Knob(owner, names[0]) if len(names) == 1 else None
