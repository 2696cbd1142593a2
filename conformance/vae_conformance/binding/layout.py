"""Where a result holds what: paths of keys, indices and attributes into tuples, dicts and records; and copies with other values.

Paths are read off by the names of entries, by their equality with what encode gave, and by their order.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from vae_conformance.binding.distributions import behind_priors, is_readable

Path = tuple[Any, ...]
Leaves = list[tuple[Path, Any]]
_KEYS = {
    "raw": re.compile(r"recon|x_?hat|x_?rec|output|decoded|logits|x_?prime|^p(_?x)?(_given_z)?$|^x_?(out|mean|dist)", re.IGNORECASE),
    "mu": re.compile(r"^(z_?|q_?)?(mu|mean|loc)", re.IGNORECASE),
    "logvar": re.compile(r"log_?var|log_?sigma|logstd|log_std|^lv$|std|sigma|scale|var|(^|_)sd$", re.IGNORECASE),
    "z": re.compile(r"^(z|latent|code|sample)", re.IGNORECASE),
}


@dataclass(frozen=True)
class Both:
    """A step of a path that leads to two entries, side by side in what holds them: a mean and its variance."""

    first: Path
    second: Path

    def __str__(self) -> str:
        return " and ".join(".".join(map(str, path)) for path in (self.first, self.second))


def plain_paths(path: Path) -> tuple[Path, ...]:
    """The paths of all entries that a path leads to."""
    if path and isinstance(path[-1], Both):
        return (*path[:-1], *path[-1].first), (*path[:-1], *path[-1].second)
    return (path,)


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


def by_keys(result: Any) -> dict[str, Any]:
    """The key of each role in a result with names, by these names; of several for a head those whose tensors are alike."""
    found: dict[str, Any] = {}
    entries = {
        key: value
        for key, value in (named(result) or {}).items()
        if is_readable(value) or (isinstance(value, Tensor) and value.dim() >= 2)
    }
    for role in ("raw", "logvar", "mu", "z"):
        if role == "mu" and "logvar" in found:
            found.update(_alike(entries, found.get("raw")))
        for key in entries:
            if role not in found and _KEYS[role].search(str(key)) and key not in found.values():
                found[role] = key
    if {"mu", "logvar"} <= found.keys() and not _fit(entries[found["mu"]], entries[found["logvar"]]):
        del found["logvar"]
    return found


def _fit(mu: Any, second: Any) -> bool:
    """Whether two entries can be the two heads: as wide, or the second one number for all dimensions."""
    pair = isinstance(mu, Tensor) and isinstance(second, Tensor)
    return not pair or second.shape[-1] in (1, mu.shape[-1])


def _alike(entries: Mapping[Any, Any], raw: Any) -> dict[str, Any]:
    """The first pair of entries with names of the two heads and tensors of one shape; a decoder's variance has its own output's."""
    named_so = {role: [key for key in entries if key != raw and _KEYS[role].search(str(key))] for role in ("logvar", "mu")}
    pairs = ((mu, logvar) for mu in named_so["mu"] for logvar in named_so["logvar"] if mu != logvar)
    shapes = {key: getattr(entry, "shape", None) for key, entry in entries.items()}
    return next(({"mu": mu, "logvar": logvar} for mu, logvar in pairs if shapes[mu] is not None and shapes[mu] == shapes[logvar]), {})


def same(a: Tensor, b: Tensor) -> bool:
    """Equal but for rounding."""
    return a.shape == b.shape and torch.allclose(a.detach().float(), b.detach().float(), rtol=1e-4, atol=1e-6)


def batched(result: Any, x: Tensor) -> list[tuple[Path, Tensor]]:
    """The tensors in a result that have an entry for each item."""
    return [(path, leaf) for path, leaf in leaves(result) if isinstance(leaf, Tensor) and leaf.dim() >= 1 and len(leaf) == len(x)]


def read_layout(result: Any, x: Tensor, encoded: tuple[Tensor, Tensor] | None, again: Any = None) -> ForwardLayout | None:
    """Tell which entry of forward's result is the output, which are mu and logvar; None where no output can be told.

    Entries equal to what encode gave for the same batch and seed are mu and logvar, wherever they stand; otherwise names decide where there
    are any, and positions in a tuple: the documents' order is (output, mu, logvar). `again` is forward's result under another seed: a code
    that differs there is z, not mu.
    """
    keys = by_keys(result)
    if "raw" in keys and not (isinstance(at(result, (keys["raw"],)), Tensor) and at(result, (keys["raw"],)).numel() % x.numel()):
        return _by_names(result, keys, x, encoded, again)
    if isinstance(result, Tensor):
        return ForwardLayout((), None, None) if result.dim() >= 1 and len(result) == len(x) else None
    if is_readable(result):
        return ForwardLayout((), None, None)
    if distributions := [(path, leaf) for path, leaf in leaves(result) if is_readable(leaf)]:
        return _read_distributions(distributions, batched(result, x), x)
    found = batched(result, x)
    mu = logvar = None
    if encoded is not None:
        mu = next((path for path, leaf in found if same(leaf, encoded[0])), None)
        logvar = next((path for path, leaf in found if path != mu and same(leaf, encoded[1])), None)
    if mu is None or logvar is None:
        steady = [(path, leaf) for path, leaf in found if again is None or same(leaf, at(again, path))]
        mu, logvar = _pair_by_position(found, steady, x) or (mu, logvar)
    return _with_output([(path, leaf) for path, leaf in found if path not in (mu, logvar)], x, mu, logvar)


def _by_names(result: Any, keys: Mapping[str, Any], x: Tensor, encoded: tuple[Tensor, Tensor] | None, again: Any) -> ForwardLayout:
    """By the names of entries.

    Heads that have none of the usual names are what encode gave, the distribution beside the output, or what is like the other head.
    """
    raw = (keys["raw"],)
    if {"mu", "logvar"} <= keys.keys():
        return ForwardLayout(raw, (keys["mu"],), (keys["logvar"],))
    rest = [(path, leaf) for path, leaf in leaves(result) if path[:1] != raw]
    posterior = next(iter(behind_priors([(path, leaf) for path, leaf in rest if is_readable(leaf)])), None)
    mu, logvar = ((keys[role],) if role in keys else None for role in ("mu", "logvar"))
    if posterior is None and encoded is not None:
        found = [(path, leaf) for path, leaf in batched(result, x) if path[:1] != raw]
        mu = next((path for path, leaf in found if same(leaf, encoded[0])), mu)
        logvar = next((path for path, leaf in found if path != mu and same(leaf, encoded[1])), logvar)
    if posterior is None and encoded is None and again is not None and mu is None and logvar is not None:
        like = at(result, logvar).shape
        steady = [
            path for path, leaf in batched(result, x) if path not in (raw, logvar) and leaf.shape == like and same(leaf, at(again, path))
        ]
        mu = steady[0] if len(steady) == 1 else None
    return ForwardLayout(raw, mu, logvar, posterior)


def _with_output(rest: list[tuple[Path, Tensor]], x: Tensor, mu: Path | None, logvar: Path | None) -> ForwardLayout | None:
    outputs = [path for path, leaf in rest if leaf.numel() == x.numel() and not same(leaf, x)]
    if not outputs:
        # What equals the batch is the batch itself where anything else could be the output.
        wide = [(path, leaf) for path, leaf in rest if leaf.dim() >= 2]
        outputs = [path for path, leaf in wide if not same(leaf, x)][:1] or [path for path, leaf in rest if leaf.numel() == x.numel()]
    if not outputs:
        return None
    first = outputs[0]
    nested = len(first) > 1 and len(outputs) >= 2 and outputs[1][:-1] == first[:-1]
    return ForwardLayout(first[:-1] if nested else first, mu, logvar)


def _pair_by_position(found: list[tuple[Path, Tensor]], steady: list[tuple[Path, Tensor]], x: Tensor) -> tuple[Path, Path] | None:
    """Mu and logvar as the first two neighbours of like shape: steady ones, unlike the input's, or else behind the first entry."""
    for offered in (steady, found):
        codes = [(path, leaf) for path, leaf in offered if leaf.numel() != x.numel() and leaf.dim() >= 2]
        if len(codes) < 2:
            codes = (
                [(path, leaf) for path, leaf in offered if path != found[0][0] and leaf.dim() >= 2 and not same(leaf, x)]
                if len(found) >= 3
                else []
            )
        places = [path for path, _leaf in found]
        for first, second in pairwise(codes):
            if first[1].shape == second[1].shape and places.index(second[0]) == places.index(first[0]) + 1:
                return first[0], second[0]
    return None


def _read_distributions(found: list[tuple[Path, Distribution]], tensors: list[tuple[Path, Tensor]], x: Tensor) -> ForwardLayout | None:
    """Where a result holds distribution objects: the one of the input's size is the output, another one the posterior."""
    outputs = [path for path, leaf in found if leaf.mean.numel() == x.numel()]
    outputs += [path for path, leaf in tensors if leaf.numel() == x.numel() and not same(leaf, x)]
    posteriors = behind_priors([(path, leaf) for path, leaf in found if path not in outputs[:1]])
    if not outputs:
        return None
    if posteriors:
        return ForwardLayout(outputs[0], None, None, posteriors[0])
    pair = _pair_by_position([(outputs[0], x), *tensors], [entry for entry in tensors if entry[1].numel() != x.numel()], x)
    return ForwardLayout(outputs[0], *(pair or (None, None)))
