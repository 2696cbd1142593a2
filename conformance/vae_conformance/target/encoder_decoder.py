"""Two networks and no class around them: an encoder and a decoder of one file, put side by side."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from types import ModuleType

from torch import Tensor, nn

_ENCODER = re.compile(r"encod|infer|recogni", re.IGNORECASE)
_DECODER = re.compile(r"decod|generat", re.IGNORECASE)


class NetworkPair(nn.Module):
    """An encoder and a decoder that a script trains side by side; nothing of it but these two is ever called."""

    def __init__(self, encoder: nn.Module, decoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder

    def encode(self, x: Tensor) -> object:
        """What the encoder gives."""
        return self.encoder(x)

    def decode(self, z: Tensor) -> object:
        """What the decoder gives."""
        return self.decoder(z)


def _takes_more_than_a_code(decoder: type[nn.Module]) -> bool:
    """Whether it draws the code itself, of a mean and a variance that it is given."""
    parameters = list(inspect.signature(decoder.forward).parameters.values())[1:]
    return sum(one.default is one.empty and one.kind <= one.POSITIONAL_OR_KEYWORD for one in parameters) > 1


def network_pair(module: ModuleType) -> Callable[..., object] | None:
    """A factory for the pair, where a module defines just one encoder and one decoder and both are networks; None elsewhere."""
    own = [
        cls for cls in vars(module).values() if inspect.isclass(cls) and cls.__module__ == module.__name__ and issubclass(cls, nn.Module)
    ]
    encoders = [cls for cls in own if _ENCODER.search(cls.__name__) and not _DECODER.search(cls.__name__)]
    decoders = [cls for cls in own if _DECODER.search(cls.__name__) and not _ENCODER.search(cls.__name__)]
    if len(encoders) != 1 or len(decoders) != 1 or _takes_more_than_a_code(decoders[0]):
        return None

    def pair(encoder: nn.Module, decoder: nn.Module) -> NetworkPair:
        return NetworkPair(encoder, decoder)

    pair.__name__ = f"{encoders[0].__name__}+{decoders[0].__name__}"
    pair.__module__ = module.__name__
    return pair
