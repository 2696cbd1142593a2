"""Where a result holds what: paths of keys, indices and attributes into tuples, dicts and records; and copies with other values."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from vae_conformance.binding.distributions import is_readable, pair_of

Path = tuple[Any, ...]
Leaves = list[tuple[Path, Any]]


@dataclass(frozen=True)
class Both:
    """A step of a path that leads to two entries, side by side in what holds them: a mean and its variance."""

    first: Path
    second: Path

    def __str__(self) -> str:
        return " and ".join(".".join(map(str, path)) for path in (self.first, self.second))


@dataclass(frozen=True)
class ForwardLayout:
    """Where the result of a pass holds what: a path for each role."""

    raw: Path
    mu: Path | None
    logvar: Path | None
    posterior: Path | None = None

    def describe(self) -> str:
        """For the account."""
        return ", ".join(
            f"{'output' if role == 'raw' else role} at {'.'.join(map(str, path)) or 'the whole'}"
            for role, path in vars(self).items()
            if path is not None
        )


@dataclass(frozen=True)
class CodeForm:
    """Where a result holds mu and the second head, or the posterior as a distribution."""

    mu: Path | None = None
    second: Path | None = None
    posterior: Path | None = None

    @property
    def known_by(self) -> str:
        """How the two were identified."""
        if self.posterior is not None:
            return "the distribution that it returns"
        if isinstance((*(self.mu or ()), 0)[0], str):
            return "the names of its entries"
        return "probe: two tensors of like shape" + ("" if (self.mu, self.second) == ((0,), (1,)) else " that no seed changes")

    def read(self, result: Any) -> tuple[Tensor, Tensor]:
        """Mu and the second head; a distribution's log-variance."""
        if self.posterior is not None:
            return pair_of(at(result, self.posterior))
        assert self.mu is not None
        assert self.second is not None
        return at(result, self.mu), at(result, self.second)

    def checked(self, result: Any, batch: int) -> tuple[Tensor, Tensor] | None:
        """The same, None where a result is not what it was when the form was read."""
        try:
            mu, second = self.read(result)
        except (KeyError, IndexError, AttributeError, TypeError):
            return None
        alike = isinstance(mu, Tensor) and isinstance(second, Tensor) and mu.shape == second.shape and mu.dim() >= 2
        return (mu, second) if alike and len(mu) == batch else None


def at(result: Any, path: Path) -> Any:
    """The entry of a nested result at a path of keys, indices and attributes."""
    for step in path:
        if isinstance(step, Both):
            return at(result, step.first), at(result, step.second)
        result = getattr(result, step) if isinstance(step, str) and not isinstance(result, Mapping) else result[step]
    return result


def named(result: Any) -> Mapping[Any, Any] | None:
    """The entries of a result that has names for them: a dict, a named tuple or a record; None for what has none."""
    if isinstance(result, Mapping):
        return result
    if isinstance(result, tuple) and hasattr(result, "_asdict"):
        return dict(result._asdict())
    if _is_record(result):
        return {name: value for name, value in vars(result).items() if not name.startswith("_")}
    return None


def _is_record(result: Any) -> bool:
    plain = isinstance(result, Tensor | nn.Module | tuple | list | str | int | float | type) or is_readable(result)
    return not plain and (dataclasses.is_dataclass(result) or hasattr(result, "__dict__")) and not callable(result)


def leaves(result: Any, path: Path = ()) -> Leaves:
    """Everything that a result holds and that holds nothing itself, with its path."""
    entries = named(result)
    if entries is not None:
        return [leaf for key, value in entries.items() for leaf in leaves(value, (*path, key))]
    if isinstance(result, tuple | list):
        return [leaf for index, value in enumerate(result) for leaf in leaves(value, (*path, index))]
    return [(path, result)]


def same(a: Tensor, b: Tensor) -> bool:
    """Equal but for rounding."""
    return a.shape == b.shape and torch.allclose(a.detach().float(), b.detach().float(), rtol=1e-4, atol=1e-6)


def batched(result: Any, x: Tensor) -> list[tuple[Path, Tensor]]:
    """The tensors in a result that have an entry for each item."""
    return [(path, leaf) for path, leaf in leaves(result) if isinstance(leaf, Tensor) and leaf.dim() >= 1 and len(leaf) == len(x)]
