"""Handing a running pass the two heads where no part gives them as they are returned: in the place of what one of its operations gives.

`self.logvar(h).clamp(-9, 9)` is such a head. The operation is told by its number among those of a pass: the same code makes the same ones.
Where the second head is made of sigma for the return alone, as `2 * torch.log(std)` is, sigma is what the operation is handed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from vae_conformance.binding.findings import Findings
from vae_conformance.binding.layout import at, same
from vae_conformance.binding.passes import call_forward
from vae_spec.subject import Raw, SubjectFault

Place = tuple[int, int | None]
"""The number of an operation, and of the entry of its result where that is several tensors."""

_ORIGINS: tuple[Callable[[Tensor], Tensor], ...] = (
    lambda second: second,
    lambda second: torch.exp(second / 2),
    torch.exp,
    torch.sqrt,
    torch.square,
    torch.log,
    lambda second: 2 * torch.log(second),
)
"""What a returned second head may have been made of: from each meaning of it to each other."""


class _Operations(TorchFunctionMode):
    """Numbers the operations of the code inside, notes what they give, and puts other tensors into the places of some.

    Attributes:
        given: what to put where.
        results: the results so far, in order; they are kept, so that none is taken for another.
    """

    def __init__(self, given: dict[Place, Tensor] | None = None) -> None:
        super().__init__()
        self.given = given or {}
        self.results: list[Any] = []

    def __torch_function__(
        self, func: Callable[..., Any], types: Sequence[type], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Run one operation."""
        result = func(*args, **(kwargs or {}))
        number = len(self.results)
        for (operation, entry), value in self.given.items():
            if operation == number and entry is None:
                result = value
            elif operation == number and isinstance(result, tuple) and len(result) > (entry or 0):
                result = tuple(value if index == entry else one for index, one in enumerate(result))
        self.results.append(result)
        return result

    def places(self, wanted: Tensor) -> list[Place]:
        """The operations that gave these numbers, in order."""
        found: list[Place] = []
        for number, result in enumerate(self.results):
            entries = enumerate(result) if isinstance(result, tuple) else [(None, result)]
            found += [(number, entry) for entry, one in entries if isinstance(one, Tensor) and same(one, wanted)]
        return found


@dataclass(frozen=True)
class ResultDoor:
    """Two operations of a pass that give mu and the second head.

    Attributes:
        mu, second: the operations.
        origin: what the second operation gives, told from the second head as forward returns it.
    """

    mu: Place
    second: Place
    origin: Callable[[Tensor], Tensor]

    @property
    def places(self) -> str:
        """For the report."""
        return "mu and the second head as forward returns them"

    @contextmanager
    def given(self, _model: Any, _raw: Raw | None, mu: Tensor, second: Tensor) -> Iterator[None]:
        """The operations give these inside the block."""
        with _Operations({self.mu: mu, self.second: self.origin(second)}):
            yield


def result_doors(found: Findings) -> Iterator[ResultDoor]:
    """The operations that give what forward returns as mu and as the second head: the last of each, then the first."""
    layout = found.layout
    if layout is None or layout.mu is None or layout.logvar is None or not found.joint.plain:
        return
    operations = _Operations()
    x = found.x.clone()

    def run() -> Any:
        with operations:
            return call_forward(found.model, x)

    try:
        result = found.call("forward", run, train=True)
    except SubjectFault:
        return
    mu, second = at(result, layout.mu), at(result, layout.logvar)
    for origin in _ORIGINS if isinstance(mu, Tensor) and isinstance(second, Tensor) else ():
        of_mu, of_second = operations.places(mu), operations.places(origin(second))
        # What is clamped in place was given before; what is returned may be a copy that was made behind the draw.
        pairs = ((of_mu[one], of_second[other]) for one in (-1, 0) for other in (-1, 0)) if of_mu and of_second else ()
        yield from (ResultDoor(*pair, origin) for pair in dict.fromkeys(pairs) if pair[0] != pair[1])
