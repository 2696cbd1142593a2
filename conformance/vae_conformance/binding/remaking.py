"""An object of the author's own that holds a posterior: another one of its class around other heads."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution

from vae_conformance.binding.layout import Path, at, named, same

MADE_OF: tuple[Callable[[Tensor], Tensor], ...] = (
    lambda second: second,
    lambda second: torch.exp(0.5 * second),
    torch.exp,
    torch.log,
    lambda second: 2 * torch.log(second),
    lambda second: 2 * second,
    lambda second: 0.5 * second,
    lambda second: torch.exp(2 * second),
    torch.square,
    torch.sqrt,
    lambda second: torch.exp(-second),
)
"""What an object may keep beside its second head, and what its constructor may take in its place."""


@dataclass(frozen=True)
class PosteriorObject:
    """A posterior in an object of the author's own.

    Attributes:
        path: where forward's result, or the encoder's, holds it.
        of: one of its class around mu and the second head.
    """

    path: Path
    of: Callable[[Tensor, Tensor], Any]


def posterior_object(result: Any, mu: Path, second: Path) -> PosteriorObject | None:
    """The object whose attributes hold both heads, where another one can be made: by its constructor, else as a copy with other heads.

    What is made is read back. None for tensors in tuples, dicts and records, which hold nothing that is made of the heads.
    """
    path = mu[:-1]
    if not mu or mu[:-1] != second[:-1] or not isinstance(mu[-1], str) or not isinstance(second[-1], str):
        return None
    template = at(result, path)
    plain = isinstance(template, Mapping | tuple | Distribution) or dataclasses.is_dataclass(template)
    if plain or not named(template):
        return None
    heads = mu[-1], second[-1]
    old = tuple(getattr(template, name) for name in heads)
    if not all(isinstance(one, Tensor) for one in old) or old[0].shape != old[1].shape:
        return None
    for make in (*_constructors(type(template)), _copier(template, heads)):
        if _reads_back(make, heads, old[0]):
            return PosteriorObject(path, make)
    return None


def _reads_back(make: Callable[[Tensor, Tensor], Any], heads: tuple[str, str], like: Tensor) -> bool:
    """Whether an object that is made of two heads holds them."""
    probe = tuple(torch.linspace(*ends, like.numel()).reshape(like.shape).to(like) for ends in ((-0.7, 0.9), (0.3, 1.1)))
    try:
        made = make(*probe)
        return all(same(getattr(made, name), wanted) for name, wanted in zip(heads, probe, strict=True))
    except Exception:  # noqa: BLE001  whatever a constructor raises, it does not take its arguments so
        return False


def _constructors(cls: type) -> Iterator[Callable[[Tensor, Tensor], Any]]:
    for made_of in MADE_OF:
        yield partial(_of_two, cls, made_of)
        yield partial(_of_halves, cls, made_of)


def _of_two(cls: type, made_of: Callable[[Tensor], Tensor], mu: Tensor, second: Tensor) -> Any:
    return cls(mu, made_of(second))


def _of_halves(cls: type, made_of: Callable[[Tensor], Tensor], mu: Tensor, second: Tensor) -> Any:
    return cls(torch.cat([mu, made_of(second)], dim=1))


def _copier(template: Any, heads: tuple[str, str]) -> Callable[[Tensor, Tensor], Any]:
    """A copy with other heads, and with what was made of the second head made of the new one."""
    second = getattr(template, heads[1])
    kept = [(name, value) for name, value in vars(template).items() if isinstance(value, Tensor) and name not in heads]
    derived = {name: made_of for name, value in kept for made_of in reversed(MADE_OF) if same(value, made_of(second))}

    def make(mu: Tensor, second: Tensor) -> Any:
        made = copy.copy(template)
        new = {heads[0]: mu, heads[1]: second} | {name: made_of(second) for name, made_of in derived.items()}
        for name, value in new.items():
            object.__setattr__(made, name, value)
        return made

    return make
