"""The sampling step: the ways in which one may take its arguments, and what forward makes of the second head before it hands it over."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from vae_conformance.binding.heads import Head
from vae_conformance.binding.interface import Found


@dataclass(frozen=True)
class DrawForm:
    """How a sampling step is called.

    Attributes:
        packed: whether it takes both as one tuple.
        takes: what its second argument means, where forward hands it something else than the second head.
        given: what the second head means there.
    """

    packed: bool = False
    takes: Head | None = None
    given: Head | None = None

    def arguments(self, mu: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
        """What the step is handed: copies that nobody else reads, because some steps change their arguments in place."""
        if self.takes is not None and self.given is not None:
            second = self.takes.from_logvar(self.given.to_logvar(second))
        return mu.clone(), second.clone()

    def call(self, sample: Callable[..., Any], mu: Tensor, second: Tensor) -> Any:
        """A draw."""
        return self.hand(sample, self.arguments(mu, second))

    def hand(self, sample: Callable[..., Any], arguments: tuple[Tensor, Tensor]) -> Any:
        """A draw for arguments as they are."""
        return sample(arguments) if self.packed else sample(*arguments)

    def describe(self, name: str) -> str:
        """For the account."""
        return f"{name}((mu, logvar))" if self.packed else f"{name}(mu, logvar)"


def forms(part: Found) -> tuple[DrawForm, ...]:
    """The ways in which a part may be called, by its signature; none for what cannot be a sampling step."""
    required = _required(part)
    if len(required) == 1:
        return (DrawForm(packed=True),)
    return (DrawForm(),) if len(required) == 2 else ()


def second_parameter(part: Found, form: DrawForm) -> str:
    """The name of the parameter that takes the second head; empty where it has none of its own."""
    return "" if form.packed else _required(part)[1]


def _required(part: Found) -> list[str]:
    target = part.call.forward if isinstance(part.call, nn.Module) else part.call
    try:
        parameters = inspect.signature(target).parameters.values()
    except (TypeError, ValueError):
        return []
    return [one.name for one in parameters if one.default is one.empty and one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]
