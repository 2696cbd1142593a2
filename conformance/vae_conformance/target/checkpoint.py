"""The record of the weights in a file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from torch import Tensor

SHOWN = 3


@dataclass(frozen=True)
class Weights:
    """The content of a file of weights.

    Attributes:
        name: the name of the file.
        sha256: the SHA-256 of its bytes, in hexadecimal.
        state: the tensors by name.
        entry: the entry of the checkpoint that holds them; empty if the file is the state dict itself.
        prefix: the prefix removed from the names.
        aside: the names left out because they lack this prefix.
    """

    name: str
    sha256: str
    state: Mapping[str, Tensor]
    entry: str = ""
    prefix: str = ""
    aside: tuple[str, ...] = ()

    @property
    def account(self) -> str:
        """A sentence on where the weights come from."""
        parts = [f"the weights are those of {self.name} (SHA-256 {self.sha256[:12]}): {len(self.state)} tensors"]
        parts += [f"from its entry {self.entry}"] if self.entry else []
        parts += [f"their names without {self.prefix!r}"] if self.prefix else []
        parts += [f"without {some(self.aside)}, which the model does not have"] if self.aside else []
        return ", ".join(parts)


def some(names: Iterable[str], between: str = ", ") -> str:
    """Join the first few names and the number of the others."""
    rows = list(names)
    more = [f"{len(rows) - SHOWN} more"] if len(rows) > SHOWN else []
    return between.join([*rows[:SHOWN], *more])
