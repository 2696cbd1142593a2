"""Finding the parts of an implementation: encoder, sampling step and decoder, by the usual spellings.

The usual spellings are tried, and what answers with the right shapes is taken.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from vae_conformance.binding.distributions import is_readable, raw_of
from vae_conformance.binding.layout import at, named
from vae_conformance.binding.loss_arguments import names_network
from vae_conformance.binding.reading import by_keys
from vae_conformance.target.adapter import inner_of, settled
from vae_spec.subject import Raw

ENCODE_NAMES = ("encode", "encoder", "encoding", "inference", "recognize", "recognition", "q_z", "enc")
DECODE_NAMES = ("decode", "decoder", "decoding", "generate", "generator", "p_x", "dec")
SAMPLER_PATTERN = re.compile(r"^_*(reparam|re_param|parameteri|sampl|draw|add_noise|latent_sampl|gaussian_sampl|get_z$|z$)", re.IGNORECASE)
_FIRST = re.compile(r"re_?param|parameteri", re.IGNORECASE)


@dataclass(frozen=True)
class Found:
    """A part that was found: how it is called in the account, and the callable."""

    name: str
    call: Callable[..., Any]


def candidates(model: object, names: tuple[str, ...]) -> list[Found]:
    """The callables that the model offers under these names, in their order; behind them spellings with other capitals.

    What an Implementation record gives stands alone: where it fails, nothing else is to answer in its place.
    """
    if (name := settled(model, names)) is not None:
        return [Found(name, getattr(model, name))]
    there = [name for name in names if callable(getattr(model, name, None))]
    own = [name for name in (*dir(type(inner_of(model))), *getattr(model, "_modules", {})) if not name.startswith("_")]
    there += [name for spelling in names for name in own if name.lower() == spelling and callable(getattr(model, name, None))]
    return [_callable_part(model, name, names) for name in dict.fromkeys(there)]


def _callable_part(model: object, name: str, names: tuple[str, ...]) -> Found:
    """A part; of a submodule without a forward, its method of such a name."""
    part = getattr(model, name)
    if isinstance(part, nn.Module) and type(part).forward is nn.Module.forward:
        for method in names:
            if callable(getattr(type(part), method, None)):
                return Found(f"{name}.{method}", getattr(part, method))
    return Found(name, part)


def inner_samplers(model: object) -> list[Found]:
    """Methods of the submodules' own classes whose name says that they draw a code, such as an encoder's."""
    if not isinstance(model, nn.Module):
        return []
    found = [
        Found(f"{prefix}.{name}", getattr(module, name))
        for prefix, module in model.named_modules()
        if prefix and not type(module).__module__.startswith("torch.")
        for name in dir(type(module))
        if SAMPLER_PATTERN.match(name) and callable(getattr(module, name, None))
    ]
    return sorted(found, key=lambda one: not _FIRST.search(one.name))


def sampler_candidates(model: object, namespace: object) -> list[Found]:
    """Methods, then functions of the module, whose name says that they draw a code; layers by their class's name too."""
    if (given := settled(model, ("reparameterize",))) is not None:
        return [Found(given, getattr(model, given))]
    inner = inner_of(model)
    named = [name for name in dir(type(inner)) if SAMPLER_PATTERN.match(name)]
    named += [name for name in vars(inner) if SAMPLER_PATTERN.match(name)] if hasattr(inner, "__dict__") else []
    layers: Mapping[str, object] = getattr(model, "_modules", {})
    named += [name for name, layer in layers.items() if SAMPLER_PATTERN.match(name) or SAMPLER_PATTERN.match(type(layer).__name__)]
    found = [Found(name, getattr(model, name)) for name in dict.fromkeys(named) if callable(getattr(model, name, None))]
    found += [
        Found(name, value)
        for name, value in (vars(namespace).items() if namespace else ())
        if SAMPLER_PATTERN.match(name) and callable(value) and not isinstance(value, type)
        if getattr(value, "__module__", None) in (getattr(namespace, "__name__", ""), type(inner).__module__)
    ]
    return sorted((one for one in found if not takes_network(one.call)), key=lambda one: not _FIRST.search(one.name))


def takes_network(call: Callable[..., Any]) -> bool:
    """Whether a function takes the model or one of its networks, so that it is no part of one."""
    try:
        return any(names_network(name) for name in inspect.signature(call).parameters if name != "self")
    except (TypeError, ValueError):
        return False


def as_raw(result: Any) -> Raw | None:
    """What a decoder returned as a tuple of tensors: one, or a mean and a log-variance of like shape."""
    if isinstance(result, Tensor):
        return (result,)
    if is_readable(result):
        return raw_of(result)
    if not isinstance(result, tuple | list) and named(result) is not None:
        keys = by_keys(result)
        result = tuple(at(result, (keys[role],)) for role in ("mu", "logvar") if role in keys)
    if isinstance(result, tuple | list) and len(result) == 2:
        first, second = result
        if isinstance(first, Tensor) and isinstance(second, Tensor) and first.shape == second.shape:
            return first, second
    return None


def trainable(model: object) -> dict[str, nn.Parameter]:
    """The trainable parameters by name; none for what is not a module."""
    if not isinstance(model, nn.Module):
        return {}
    return {name: value for name, value in model.named_parameters() if value.requires_grad}
