"""Probing a model for what the documents leave open: the shape of its input, its range, the end of its decoder."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from vae_conformance.binding.interface import as_raw
from vae_conformance.guard.random_calls import LastOperation
from vae_conformance.target.adapter import inner_of

SIDES = (28, 32, 64, 8, 16, 128, 96, 48, 256)
LENGTHS = (128, 256, 512, 1024, 100, 1000)
_LENGTH = re.compile(r"len|step|time|window|seq|size|dim", re.IGNORECASE)
_SHAPE_ATTRIBUTES = (
    "input_shape",
    "in_shape",
    "img_shape",
    "image_shape",
    "x_shape",
    "input_size",
    "input_dim",
    "in_dim",
    "x_dim",
    "image_size",
    "img_size",
)


def shape_candidates(model: object, arguments: Mapping[str, object]) -> list[tuple[int, ...]]:
    """Shapes of one item that the model may take, the likelier first: its own attributes, its first layer, the usual images."""
    found: list[tuple[int, ...]] = []
    inner = inner_of(model)
    for source in (vars(inner) if hasattr(inner, "__dict__") else {}, arguments):
        for name in _SHAPE_ATTRIBUTES:
            found += _from_value(source.get(name))
    found += list(_from_layers(model))
    channels = sorted({shape[0] for shape in found if len(shape) == 3})
    # The first convolution may stand behind something that makes channels, such as a PixelUnshuffle.
    for counts in (channels, [1, 3]) if channels else ([1, 3],):
        found += [(count, side, side) for side in SIDES for count in counts]
    found += [(784,), (64,), (2,), (1024,), (4096,)]
    found += [(side, side) for side in SIDES]
    return list(dict.fromkeys(found))


def _from_value(value: object) -> list[tuple[int, ...]]:
    if isinstance(value, int) and not isinstance(value, bool):
        return [(value,), *_square(value), (1, value, value), (3, value, value)] if value > 0 else []
    if isinstance(value, tuple | list | torch.Size) and value and all(isinstance(side, int) and side > 0 for side in value):
        shape = tuple(value)
        return [(1, *shape)] if len(shape) == 2 else [shape]
    return []


def _square(entries: int) -> list[tuple[int, ...]]:
    found: list[tuple[int, ...]] = []
    for channels in (1, 3):
        side = math.isqrt(entries // channels)
        if channels * side * side == entries and side >= 4:
            found.append((channels, side, side))
    return found


def _from_layers(model: object) -> Iterator[tuple[int, ...]]:
    """What the first layer with weights says: entries for a linear one, channels for a convolution, columns for one that reads rows.

    Weights that belong to no layer say entries by either of their sides, or rows and columns.
    """
    if not isinstance(model, nn.Module):
        return
    for module in model.modules():
        loose = _loose_weight(module)
        if loose is not None:
            yield from ((side,) for side in loose.shape) if loose.dim() == 2 else (tuple(loose.shape[:2]), tuple(loose.shape[1:]))
            return
        if isinstance(module, nn.RNNBase):
            yield from ((length, module.input_size) for length in (*lengths(model), module.input_size))
            return
        if isinstance(module, nn.Conv1d):
            yield from ((module.in_channels, length) for length in dict.fromkeys((*lengths(model), *SIDES, *LENGTHS)))
            return
        if isinstance(module, nn.Linear):
            yield (module.in_features,)
            yield from _square(module.in_features)
            return
        if isinstance(module, nn.Conv2d):
            for side in SIDES:
                yield (module.in_channels, side, side)
            return


def lengths(model: Any) -> list[int]:
    """How many rows or samples a model of series says that an item has: its attributes with such a name."""
    kept = vars(inner_of(model)).items()
    return [value for name, value in kept if _LENGTH.search(name) and isinstance(value, int) and not isinstance(value, bool) and value > 1]


def _loose_weight(module: nn.Module) -> Tensor | None:
    """The first weight of two or three sides that a module keeps, where the module is the author's own or only keeps weights."""
    keeps = isinstance(module, nn.ParameterDict | nn.ParameterList) or not type(module).__module__.startswith("torch.")
    kept = module._parameters.values() if keeps else ()  # noqa: SLF001
    return next((value for value in kept if value is not None and value.dim() in (2, 3)), None)


def probe_batch(shape: tuple[int, ...], batch: int = 4) -> Tensor:
    """A batch in [0, 1], the same in every process."""
    return torch.rand((batch, *shape), generator=torch.Generator().manual_seed(12345))


COUNTS = (0.0, 16.0)
"""The range of the data of a likelihood that asks for counts: that of the digits' grey levels."""
_OF_COUNTS = re.compile(r"support \((Integer|NonNegativeInteger|Multinomial)")


def asks_for_counts(words: str) -> bool:
    """Return whether a failure is that of a distribution over counts that was given other numbers."""
    return _OF_COUNTS.search(words) is not None


def output_range(decode: Callable[[Tensor], Any], z: Tensor) -> str:
    """`unit` for outputs in [0, 1], `symmetric` for a tanh's [-1, 1], `free` otherwise: by a decoder's end, and codes far and wide."""
    with LastOperation() as last:
        result = decode(30 * z)
    wide = (as_raw(result) or result)[0]
    if last.name == "tanh":
        return "symmetric"
    return "unit" if last.name in ("sigmoid", "_softmax") or bool(((wide >= 0) & (wide <= 1)).all()) else "free"
