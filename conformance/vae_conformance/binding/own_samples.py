"""An implementation's own method of sampling: finding it by its name and arguments, and seeing which codes it decodes.

Only about one public VAE in six has such a method. What it gives are images, drawn or at their mean, and of those nothing exact can be
said; but the codes that it hands to decode are to be draws from N(0, I), which can be decided.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from vae_conformance.binding.interface import DECODE_NAMES, ENCODE_NAMES
from vae_conformance.binding.watching import watch
from vae_spec.subject import OwnSamples

METHODS = (
    "sample",
    "generate",
    "sample_prior",
    "sample_from_prior",
    "prior_sample",
    "prior_samples",
    "generate_samples",
    "draw_samples",
    "random_sample",
    "random_samples",
    "sample_x",
    "sample_images",
    "generate_images",
    "generate_image",
)
_THINGS = r"samples?|images?|items?|points?|examples?|digits?"
_COUNT = re.compile(
    rf"^(n|k|m|b|bs|num|number|count|size|amount|how_?many|batch|samples"
    rf"|(n|num|number|number_of|batch|sample|count)_?({_THINGS}|size|count|num|n|batch))$",
    re.IGNORECASE,
)
_NEUTRAL = re.compile(r"^(temperature|temp|tau)$", re.IGNORECASE)


@dataclass(frozen=True)
class SamplingMethod:
    """A method that gives samples.

    Attributes:
        name: of the method.
        count: the name of the argument that says how many.
        fixed: the other arguments that it is given: the device, and a temperature of 1.
    """

    name: str
    count: str
    fixed: Mapping[str, Any]

    def describe(self, count: int) -> str:
        """How it is called."""
        others = "".join(f", {name}={value}" for name, value in self.fixed.items())
        return f"{self.name}({self.count}={count}{others})"


def find_method(model: object, parts: tuple[object, ...], device: torch.device) -> SamplingMethod | None:
    """The first method of a telling name that takes a count and nothing else that has to be known.

    Args:
        model: the implementation.
        parts: what it is bound by already: a method named sample may be the sampling step, one named generate the decoder.
        device: given to a method that asks for one.
    """
    for name in METHODS:
        method = getattr(model, name, None)
        if name in parts or not callable(method):
            continue
        if (arguments := _arguments(method, device)) is not None:
            return SamplingMethod(name, *arguments)
    return None


def _arguments(method: Any, device: torch.device) -> tuple[str, dict[str, Any]] | None:
    """The name of the count and the other arguments to give; None where it takes no count, or needs what cannot be known."""
    try:
        parameters = inspect.signature(method).parameters.values()
    except (TypeError, ValueError):
        return None
    count: str | None = None
    fixed: dict[str, Any] = {}
    for one in parameters:
        if one.kind in (one.VAR_POSITIONAL, one.VAR_KEYWORD):
            continue
        if one.kind is one.POSITIONAL_ONLY:
            return None
        if count is None and _COUNT.match(one.name):
            count = one.name
        elif "device" in one.name.lower():
            fixed[one.name] = device
        elif _NEUTRAL.match(one.name):
            fixed[one.name] = 1.0
        elif one.default is one.empty:
            return None
    return None if count is None else (count, fixed)


def watched_samples(model: Any, method: SamplingMethod, count: int, encode: str | None, decode: str | None, latent_dim: int) -> OwnSamples:
    """What one call of the sampling method decodes and encodes.

    Args:
        model: in the state that is asked.
        method: see `find_method`.
        count: how many samples to ask for.
        encode: the name of the model's encoder, where it has one.
        decode: the name of its decoder, where it has one.
        latent_dim: of the model.
    """
    decoders = _there(model, (decode, *DECODE_NAMES), method)
    codes: dict[str, list[Tensor]] = {name: [] for name in decoders}
    passes = 0

    def encoding(_args: tuple[Any, ...], _result: Any) -> None:
        nonlocal passes
        passes += 1

    def decoding(pieces: list[Tensor], args: tuple[Any, ...], _result: Any) -> None:
        if args and isinstance(args[0], Tensor) and args[0].dim() > 1:
            pieces.append(args[0].detach().flatten(1).clone())

    with ExitStack() as stack:
        for name in _there(model, (encode, *ENCODE_NAMES, "forward"), method):
            stack.enter_context(watch(model, name, encoding))
        for name in decoders:
            stack.enter_context(watch(model, name, partial(decoding, codes[name])))
        getattr(model, method.name)(**{method.count: count}, **method.fixed)
    seen = next((found for name in decoders if (found := _whole(codes[name], count, latent_dim)) is not None), None)
    return OwnSamples(method.describe(count), seen, passes > 0)


def _there(model: Any, names: tuple[str | None, ...], method: SamplingMethod) -> list[str]:
    """The names, each once, that the model has and that can be watched."""
    if not hasattr(model, "__dict__"):
        return []
    known = dict.fromkeys(name for name in names if name is not None and name != method.name)
    return [name for name in known if "." in name or callable(getattr(model, name, None))]


def _whole(pieces: list[Tensor], count: int, latent_dim: int) -> Tensor | None:
    """The code of each sample, once: a method may decode in several batches, and an autoregressive one decodes each code many times."""
    if not pieces or any(piece.shape[1] != latent_dim for piece in pieces):
        return None
    if all(piece.shape == pieces[0].shape and torch.equal(piece, pieces[0]) for piece in pieces[1:]):
        pieces = pieces[:1]
    whole = torch.cat(pieces)
    return whole if len(whole) == count else None
