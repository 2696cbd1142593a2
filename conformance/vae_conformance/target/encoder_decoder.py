"""Pair a separate encoder and decoder of one file into one module."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable, Iterator, Mapping
from types import ModuleType

import torch
from torch import Tensor, nn

_ENCODER = re.compile(r"encod|infer|recogni", re.IGNORECASE)
_DECODER = re.compile(r"decod|generat", re.IGNORECASE)


class NetworkPair(nn.Module):
    """An encoder and a decoder that a script trains without a class around them; it has no forward."""

    def __init__(self, encoder: nn.Module, decoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder

    def encode(self, x: Tensor) -> object:
        """Return the encoder's output."""
        return self.encoder(x)

    def decode(self, z: Tensor) -> object:
        """Return the decoder's output."""
        return self.decoder(z)


def check_fit(pair: NetworkPair, shape: tuple[int, ...]) -> None:
    """Check that the decoder takes what the encoder gives for a batch of items of this shape, as images or flat.

    An encoder that takes neither says nothing.

    Raises:
        Exception: what the decoder raises for all that the encoder gives.
    """
    fault: Exception | None = None
    for item in (shape, (math.prod(shape),)):
        try:
            with torch.no_grad():
                given = list(tensors_of(pair.encode(torch.zeros(2, *item))))
        except Exception:  # noqa: BLE001, S112  whatever an encoder raises, it does not take items of this shape
            continue
        for z in [*given, *(one.chunk(2, 1)[0] for one in given if one.dim() > 1 and one.shape[1] > 1)]:
            try:
                with torch.no_grad():
                    pair.decode(z)
            except Exception as wrong:  # noqa: BLE001  the first is what is raised
                fault = fault or wrong
            else:
                return
    if fault is not None:
        raise fault


def tensors_of(result: object) -> Iterator[Tensor]:
    """Yield the tensors in a result: in containers, and in the attributes of a record."""
    if isinstance(result, Tensor):
        yield result
    elif isinstance(result, Mapping | tuple | list):
        for one in result.values() if isinstance(result, Mapping) else result:
            yield from tensors_of(one)
    elif hasattr(result, "__dict__"):
        yield from (one for one in vars(result).values() if isinstance(one, Tensor))


def _samples_z(decoder: type[nn.Module]) -> bool:
    """Return whether it samples z itself, from a mean and a variance passed to it."""
    parameters = list(inspect.signature(decoder.forward).parameters.values())[1:]
    return sum(one.default is one.empty and one.kind <= one.POSITIONAL_OR_KEYWORD for one in parameters) > 1


def network_pair(module: ModuleType) -> Callable[..., object] | None:
    """Return a factory for the pair if the module defines exactly one encoder and one decoder network, else None."""
    own = [
        cls for cls in vars(module).values() if inspect.isclass(cls) and cls.__module__ == module.__name__ and issubclass(cls, nn.Module)
    ]
    encoders = [cls for cls in own if _ENCODER.search(cls.__name__) and not _DECODER.search(cls.__name__)]
    decoders = [cls for cls in own if _DECODER.search(cls.__name__) and not _ENCODER.search(cls.__name__)]
    if len(encoders) != 1 or len(decoders) != 1 or _samples_z(decoders[0]):
        return None

    def pair(encoder: nn.Module, decoder: nn.Module) -> NetworkPair:
        return NetworkPair(encoder, decoder)

    pair.__name__ = f"{encoders[0].__name__}+{decoders[0].__name__}"
    pair.__module__ = module.__name__
    return pair
