"""An implementation's own methods of sampling, reconstruction and interpolation: which latents they decode, and what they give.

They are identified by their names and arguments, and called with their defaults as they are. About one public VAE in six has a method of
sampling.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from vae_conformance.binding.interface import DECODE_NAMES, ENCODE_NAMES
from vae_conformance.binding.watching import watch
from vae_spec.subject import OwnPurpose, OwnSamples

SAMPLING = (
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


_OF_ITEMS: Mapping[OwnPurpose, tuple[str, ...]] = {
    OwnPurpose.RECONSTRUCTION: ("reconstruct", "reconstruction", "reconstruct_x", "reconstruct_images", "reconstruct_image", "generate"),
    OwnPurpose.INTERPOLATION: ("interpolate", "interpolation", "interpolate_between", "latent_interpolation", "interpolate_images"),
}
MOST_CALLS = 64
"""How often a method that gives a fixed number of samples is called, at most, for those that are asked."""


@dataclass(frozen=True)
class OwnMethod:
    """A method of an implementation's own.

    Attributes:
        name: of the method.
        count: the name of the argument that says how many; None if it takes none.
        fixed: other arguments that it is given by name, such as the device.
        items: batches that it is given, in order.
    """

    name: str
    count: str | None = None
    fixed: Mapping[str, Any] = field(default_factory=dict)
    items: Sequence[Tensor] = ()

    def describe(self, count: int) -> str:
        """Return how it is called."""
        given = [*("x" for _ in self.items), *([] if self.count is None else [f"{self.count}={count}"])]
        return f"{self.name}({', '.join([*given, *(f'{name}={value}' for name, value in self.fixed.items())])})"


def find_sampling(model: object, parts: tuple[object, ...], device: torch.device) -> OwnMethod | None:
    """Return the first method of a telling name that takes a count, or nothing that has to be known; None if there is none.

    Args:
        model: the implementation.
        parts: what it is bound by already: a method named sample may be the sampling step, one named generate the decoder.
        device: given to a method that asks for one.
    """
    for name in SAMPLING:
        method = getattr(model, name, None)
        if name in parts or not callable(method) or isinstance(method, nn.Module):
            continue
        if (arguments := _arguments(method, device)) is not None:
            return OwnMethod(name, *arguments)
    return None


def find_method(model: object, purpose: OwnPurpose, parts: tuple[object, ...], items: Sequence[Tensor]) -> OwnMethod | None:
    """Return the first method of a telling name that needs as many arguments as there are batches; None if there is none."""
    for name in _OF_ITEMS[purpose]:
        method = getattr(model, name, None)
        if name in parts or not callable(method) or isinstance(method, nn.Module):
            continue
        try:
            parameters = inspect.signature(method).parameters.values()
        except (TypeError, ValueError):
            continue
        needed = [one for one in parameters if one.default is one.empty and one.kind is one.POSITIONAL_OR_KEYWORD]
        if len(needed) == len(items) and not any(len(one.name) > 1 and _COUNT.match(one.name) for one in needed):
            return OwnMethod(name, items=items)
    return None


def _arguments(method: Any, device: torch.device) -> tuple[str | None, dict[str, Any]] | None:
    """Return the name of the count, if any, and the other arguments to give; None if it needs what cannot be known."""
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
        elif one.default is one.empty:
            return None
    return count, fixed


def watched_output(model: Any, method: OwnMethod, count: int, encode: str | None, decode: str | None, latent_dim: int) -> OwnSamples:
    """Call a method and return what it decodes, encodes, gives and changes.

    Args:
        model: in the state that is asked.
        method: see `find_sampling` and `find_method`.
        count: how many samples to ask for; a method that takes no count is called until there are so many.
        encode: the name of the model's encoder, where it has one.
        decode: the name of its decoder, where it has one.
        latent_dim: of the model.
    """
    decoders = _there(model, (decode, *DECODE_NAMES), method)
    codes: dict[str, list[Tensor]] = {name: [] for name in decoders}
    passes, before = 0, _flags(model)

    def encoding(_args: tuple[Any, ...], _result: Any) -> None:
        nonlocal passes
        passes += 1

    def decoding(pieces: list[Tensor], args: tuple[Any, ...], _result: Any) -> None:
        if args and isinstance(args[0], Tensor) and args[0].dim() > 1:
            pieces.append(args[0].detach().flatten(1).clone())

    results: list[Any] = []
    with ExitStack() as stack:
        for name in _there(model, (encode, *ENCODE_NAMES, "forward"), method):
            stack.enter_context(watch(model, name, encoding))
        for name in decoders:
            stack.enter_context(watch(model, name, partial(decoding, codes[name])))
        call = partial(getattr(model, method.name), *method.items, **method.fixed)
        for _ in range(1 if method.items or method.count is not None else MOST_CALLS):
            results.append(call() if method.count is None else call(**{method.count: count}))
            if max((sum(map(len, pieces)) for pieces in codes.values()), default=0) >= count:
                break
    wanted = count if method.count is not None else None
    seen = next((found for name in decoders if (found := _whole(codes[name], wanted, latent_dim)) is not None), None)
    changed = () if _flags(model) == before else ("requires_grad of its parameters",)
    return OwnSamples(method.describe(count), seen, passes > 0, _images(results), changed)


def _flags(model: Any) -> list[bool]:
    return [value.requires_grad for value in model.parameters()] if isinstance(model, nn.Module) else []


def _images(results: Sequence[Any]) -> Tensor | None:
    """Return the tensors that a method gives, one after another; None if one of its results is no tensor."""
    tensors = [torch.stack(one) if isinstance(one, list) and one and all(isinstance(it, Tensor) for it in one) else one for one in results]
    if not all(isinstance(one, Tensor) and one.dim() > 0 for one in tensors):
        return None
    return torch.cat([one.detach() for one in tensors]) if len({one.shape[1:] for one in tensors}) == 1 else None


def _there(model: Any, names: tuple[str | None, ...], method: OwnMethod) -> list[str]:
    """The names, each once, that the model has and that can be watched."""
    if not hasattr(model, "__dict__"):
        return []
    known = dict.fromkeys(name for name in names if name is not None and name != method.name)
    return [name for name in known if "." in name or callable(getattr(model, name, None))]


def _whole(pieces: list[Tensor], count: int | None, latent_dim: int) -> Tensor | None:
    """The latents that were decoded; with a count, that of each sample, once.

    A method may decode in several batches, and an autoregressive one decodes each latent many times.
    """
    if not pieces or any(piece.shape[1] != latent_dim for piece in pieces):
        return None
    if count is not None and all(piece.shape == pieces[0].shape and torch.equal(piece, pieces[0]) for piece in pieces[1:]):
        pieces = pieces[:1]
    whole = torch.cat(pieces)
    return whole if count is None or len(whole) == count else None
