"""Finding the parts of an implementation: encoder, sampling step, decoder, and what forward returns where.

Nobody is asked for names: the usual spellings are tried, and what answers with the right shapes is taken.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, Normal

from vae_spec.subject import Raw

ENCODE_NAMES = ("encode", "encoder", "encoding", "inference", "recognize", "recognition", "q_z", "enc")
DECODE_NAMES = ("decode", "decoder", "decoding", "generate", "generator", "p_x", "dec")
SAMPLER_PATTERN = re.compile(r"^(reparam|re_param|parameteri|sampl|draw|add_noise|latent_sampl|gaussian_sampl|get_z$|z$)", re.IGNORECASE)
_KEYS = {
    "raw": re.compile(r"recon|x_?hat|x_?rec|output|decoded|logits|x_?prime", re.IGNORECASE),
    "mu": re.compile(r"^(z_)?(mu|mean|loc)", re.IGNORECASE),
    "logvar": re.compile(r"log_?var|log_?sigma|logstd|log_std|^lv$|std|sigma|scale|var", re.IGNORECASE),
    "z": re.compile(r"^(z|latent|code|sample)", re.IGNORECASE),
}


@dataclass(frozen=True)
class Found:
    """A part that was found: how it is called in the account, and the callable."""

    name: str
    call: Callable[..., Any]


def candidates(model: object, names: tuple[str, ...]) -> list[Found]:
    """The callables that the model offers under these names, in their order."""
    return [Found(name, getattr(model, name)) for name in names if callable(getattr(model, name, None))]


def sampler_candidates(model: object, namespace: object) -> list[Found]:
    """Methods, then functions of the module, whose name says that they draw a code."""
    named = [name for name in dir(type(model)) if SAMPLER_PATTERN.match(name)]
    named += [name for name in vars(model) if SAMPLER_PATTERN.match(name)] if hasattr(model, "__dict__") else []
    named += list(getattr(model, "_modules", {}))
    found = [
        Found(name, getattr(model, name))
        for name in dict.fromkeys(named)
        if SAMPLER_PATTERN.match(name) and callable(getattr(model, name, None))
    ]
    functions = (
        [(name, value) for name, value in vars(namespace).items() if callable(value) and not isinstance(value, type)] if namespace else []
    )
    found += [
        Found(name, value)
        for name, value in functions
        if SAMPLER_PATTERN.match(name) and getattr(value, "__module__", "") == getattr(namespace, "__name__", None)
    ]
    return sorted(found, key=lambda one: not re.match(r"re_?param", one.name, re.IGNORECASE))


def as_pair(result: Any) -> tuple[Tensor, Tensor] | None:
    """Mu and the second head of what an encoder returned, or None where it is neither a pair of like tensors nor a Gaussian.

    A distribution is read as mean and log-variance. A triple (z, mu, logvar) cannot be told from (mu, logvar, z) here and is left alone.
    """
    if isinstance(result, Mapping):
        parts = _by_keys(result)
        return (parts["mu"], parts["logvar"]) if {"mu", "logvar"} <= parts.keys() else None
    if isinstance(result, Distribution):
        mean, std = result.mean, result.stddev
        return mean, 2 * torch.log(std)
    if isinstance(result, tuple | list) and len(result) == 2:
        first, second = result
        if isinstance(first, Tensor) and isinstance(second, Tensor) and first.shape == second.shape and first.dim() >= 2:
            return first, second
    return None


def as_raw(result: Any) -> Raw | None:
    """What a decoder returned as a tuple of tensors: one, or a mean and a log-variance of like shape."""
    if isinstance(result, Tensor):
        return (result,)
    if isinstance(result, Normal):
        return result.mean, 2 * torch.log(result.stddev)
    if isinstance(result, Distribution):
        return (result.mean,)
    if isinstance(result, tuple | list) and len(result) == 2:
        first, second = result
        if isinstance(first, Tensor) and isinstance(second, Tensor) and first.shape == second.shape:
            return first, second
    return None


def _by_keys(result: Mapping[Any, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    result = {
        key: value for key, value in result.items() if isinstance(value, Distribution) or (isinstance(value, Tensor) and value.dim() >= 2)
    }
    for role in ("raw", "logvar", "mu", "z"):
        for key, value in result.items():
            if role not in found and _KEYS[role].search(str(key)) and not any(value is taken for taken in found.values()):
                found[role] = value
    return found


@dataclass(frozen=True)
class ForwardLayout:
    """Where forward's result holds what: a key or an index path for each role."""

    raw: tuple[Any, ...]
    mu: tuple[Any, ...] | None
    logvar: tuple[Any, ...] | None
    posterior: tuple[Any, ...] | None = None

    def describe(self) -> str:
        """For the account."""
        return ", ".join(f"{role} at {'.'.join(map(str, path)) or 'the whole'}" for role, path in vars(self).items() if path is not None)


def at(result: Any, path: tuple[Any, ...]) -> Any:
    """The entry of a nested result at a path of keys and indices."""
    for step in path:
        result = result[step]
    return result


def _leaves(result: Any, path: tuple[Any, ...] = ()) -> list[tuple[tuple[Any, ...], Any]]:
    if isinstance(result, Mapping):
        return [leaf for key, value in result.items() for leaf in _leaves(value, (*path, key))]
    if isinstance(result, tuple | list):
        return [leaf for index, value in enumerate(result) for leaf in _leaves(value, (*path, index))]
    return [(path, result)]


def read_layout(result: Any, x: Tensor, encoded: tuple[Tensor, Tensor] | None, again: Any = None) -> ForwardLayout | None:
    """Tell which entry of forward's result is the output, which are mu and logvar; None where no output can be told.

    Entries equal to what encode gave for the same batch and seed are mu and logvar, wherever they stand; otherwise names decide in a
    mapping and positions in a tuple: the documents' order is (output, mu, logvar). `again` is forward's result under another seed: a code
    that differs there is z, not mu.
    """
    if isinstance(result, Mapping):
        keys = {role: key for role, value in _by_keys(result).items() for key in result if result[key] is value}
        if "raw" in keys:
            return ForwardLayout((keys["raw"],), (keys["mu"],) if "mu" in keys else None, (keys["logvar"],) if "logvar" in keys else None)
    if isinstance(result, Tensor | Distribution):
        return ForwardLayout((), None, None)
    if distributions := [(path, leaf) for path, leaf in _leaves(result) if isinstance(leaf, Distribution)]:
        return _read_distributions(distributions, _batched(result, x), x)
    leaves = _batched(result, x)
    mu = logvar = None
    if encoded is not None:
        mu = next((path for path, leaf in leaves if _same(leaf, encoded[0])), None)
        logvar = next((path for path, leaf in leaves if path != mu and _same(leaf, encoded[1])), None)
    if mu is None or logvar is None:
        steady = [(path, leaf) for path, leaf in leaves if again is None or _same(leaf, at(again, path))]
        mu, logvar = _pair_by_position(leaves, steady, x) or (mu, logvar)
    rest = [(path, leaf) for path, leaf in leaves if path not in (mu, logvar)]
    outputs = [path for path, leaf in rest if leaf.numel() == x.numel() and not _same(leaf, x)]
    if not outputs:
        outputs = [path for path, leaf in rest if leaf.numel() == x.numel()] or [path for path, _leaf in rest][:1]
    if not outputs:
        return None
    first = outputs[0]
    nested = len(first) > 1 and len(outputs) >= 2 and outputs[1][:-1] == first[:-1]
    return ForwardLayout(first[:-1] if nested else first, mu, logvar)


def _batched(result: Any, x: Tensor) -> list[tuple[tuple[Any, ...], Tensor]]:
    """The tensors in a result that have an entry for each item."""
    return [(path, leaf) for path, leaf in _leaves(result) if isinstance(leaf, Tensor) and leaf.dim() >= 1 and len(leaf) == len(x)]


def _pair_by_position(
    leaves: list[tuple[tuple[Any, ...], Tensor]], steady: list[tuple[tuple[Any, ...], Tensor]], x: Tensor
) -> tuple[tuple[Any, ...], tuple[Any, ...]] | None:
    """Mu and logvar as the first two neighbours of like shape: steady ones, unlike the input's, or else behind the first entry."""
    for offered in (steady, leaves):
        codes = [(path, leaf) for path, leaf in offered if leaf.numel() != x.numel()]
        if len(codes) < 2:
            codes = [(path, leaf) for path, leaf in offered if path != leaves[0][0] and not _same(leaf, x)] if len(leaves) >= 3 else []
        places = [path for path, _leaf in leaves]
        for first, second in pairwise(codes):
            if first[1].shape == second[1].shape and places.index(second[0]) == places.index(first[0]) + 1:
                return first[0], second[0]
    return None


def _read_distributions(
    found: list[tuple[tuple[Any, ...], Distribution]], leaves: list[tuple[tuple[Any, ...], Tensor]], x: Tensor
) -> ForwardLayout | None:
    """Where a result holds distribution objects: the one of the input's size is the output, another one the posterior."""
    outputs = [path for path, leaf in found if leaf.mean.numel() == x.numel()]
    outputs += [path for path, leaf in leaves if leaf.numel() == x.numel() and not _same(leaf, x)]
    posteriors = [path for path, _leaf in found if path not in outputs[:1]]
    return ForwardLayout(outputs[0], None, None, posteriors[0] if posteriors else None) if outputs else None


def _same(a: Tensor, b: Tensor) -> bool:
    return a.shape == b.shape and torch.allclose(a.detach().float(), b.detach().float(), rtol=1e-4, atol=1e-6)


def trainable(model: object) -> dict[str, nn.Parameter]:
    """The trainable parameters by name; none for what is not a module."""
    if not isinstance(model, nn.Module):
        return {}
    return {name: value for name, value in model.named_parameters() if value.requires_grad}
