"""Which entry of a result is the output, which are mu and the second head.

Entries are what the tape says they are; where it does not, those of telling names, what encode gives too, or the usual order.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

from torch import Tensor
from torch.distributions import Distribution

from vae_conformance.binding.distributions import behind_priors, is_readable
from vae_conformance.binding.layout import CodeForm, ForwardLayout, Path, at, batched, leaves, named, same
from vae_conformance.binding.roles.nodes import alike
from vae_conformance.binding.roles.posterior import Latent

_KEYS = {
    "raw": re.compile(r"recon|x_?hat|x_?rec|output|decoded|logits|x_?prime|^p(_?x)?(_given_z)?$|^x_?(out|mean|dist)", re.IGNORECASE),
    "mu": re.compile(r"^(z_?|q_?)?(mu|mean|loc)", re.IGNORECASE),
    "logvar": re.compile(r"log_?var|log_?sigma|logstd|log_std|^lv$|std|sigma|scale|var|(^|_)sd$", re.IGNORECASE),
    "z": re.compile(r"^(z|latent|code|sample)", re.IGNORECASE),
}
Heads = tuple[Path | None, Path | None]
"""Where mu and the second head are."""


def by_keys(result: Any) -> dict[str, Any]:
    """The key of each role in a result with names, by these names; of several for a head those whose tensors are alike."""
    found: dict[str, Any] = {}
    entries = {
        key: value for key, value in (named(result) or {}).items() if is_readable(value) or (isinstance(value, Tensor) and value.dim() >= 2)
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


def code_form(result: Any, x: Tensor, latent: Latent | None, again: Callable[[], Any]) -> CodeForm | None:
    """Where an encoder's result holds mu and the second head; None where it does not hold both, see `read_heads`."""
    form = read_heads(result, x, latent, again)
    return None if form.posterior is None and None in (form.mu, form.second) else form


def read_layout(
    result: Any, x: Tensor, again: Any = None, encoded: tuple[Tensor, Tensor] | None = None, latent: Latent | None = None
) -> ForwardLayout | None:
    """Which entry of forward's result is the output, which are mu and the second head; None where no output can be identified.

    Args:
        result: for x, in training mode.
        x: the batch.
        again: the result under another seed: what differs there has noise in it.
        encoded: what encode gives for the same batch.
        latent: of the pass, whose mean mu equals and whose scale the second head moves.
    """
    if is_readable(result) or isinstance(result, Tensor):
        return ForwardLayout((), None, None) if is_readable(result) or batched(result, x) else None
    keys = by_keys(result)
    named_so = at(result, (keys["raw"],)) if "raw" in keys else None
    if named_so is not None and not (isinstance(named_so, Tensor) and named_so.numel() % x.numel()):
        raw: Path | None = (keys["raw"],)
    else:
        raw = next((path for path, leaf in leaves(result) if is_readable(leaf) and leaf.mean.numel() == x.numel()), None)
    form = read_heads(result, x, latent, lambda: again, encoded, (raw,))
    raw = raw or _output([(path, leaf) for path, leaf in batched(result, x) if path not in (form.mu, form.second)], x)
    return None if raw is None else ForwardLayout(raw, form.mu, form.second, form.posterior)


def read_heads(
    result: Any,
    x: Tensor,
    latent: Latent | None,
    again: Callable[[], Any],
    encoded: tuple[Tensor, Tensor] | None = None,
    output: tuple[Path | None] | None = None,
) -> CodeForm:
    """Where a result holds mu and the second head, or the posterior as a distribution, as far as it does.

    Args:
        result: of forward, or of an encoder.
        x: the batch.
        latent: of the pass.
        again: gives the result under another seed, or None.
        encoded: what encode gives for the same batch.
        output: where it holds the output, if that is known; None for an encoder, which gives none.
    """
    keys, raw = by_keys(result), None if output is None else output[0]
    names: Heads = (keys["mu"],) if "mu" in keys else None, (keys["logvar"],) if "logvar" in keys else None
    spreads = [(path, leaf) for path, leaf in leaves(result) if is_readable(leaf) and path != raw]
    if spreads and (raw is None or None in names):
        return CodeForm(posterior=behind_priors(spreads)[0])
    # A distribution of the author's own class is what its density says, which other attributes would not change for sure.
    found = [entry for entry in batched(result, x) if entry[1].dim() >= 2 or output is not None]
    found = [entry for entry in found if not isinstance(at(result, entry[0][:-1]), Distribution)]
    heads = _by_latent(found, x, latent, names[1]) or _by_value(found, encoded, names)
    return CodeForm(*(heads or _neighbours(found, x, again(), output) or names))


def _by_latent(found: list[tuple[Path, Tensor]], x: Tensor, latent: Latent | None, named_so: Path | None) -> Heads | None:
    """The entry that the latent has for its mean, and another that moves its scale; None where none is the mean."""
    mu = None if latent is None else next((path for path, leaf in found if alike(leaf, latent.mu)), None)
    if latent is None or mu is None:
        return None
    shape = next(leaf.shape for path, leaf in found if path == mu)
    place = [path for path, _leaf in found].index(mu)
    rest = [(path, leaf) for path, leaf in (*found[place:], *found[:place]) if path != mu and leaf.shape == shape]
    rest = [(path, leaf) for path, leaf in rest if not same(leaf, x) and not alike(leaf, latent.code)]
    if len(rest) > 1:
        rest = [entry for entry in rest if latent.second(entry[1]) is not None] or rest
    return mu, next((path for path, _leaf in rest if path == named_so), rest[0][0] if rest else named_so)


def _by_value(found: list[tuple[Path, Tensor]], encoded: tuple[Tensor, Tensor] | None, by_name: Heads) -> Heads | None:
    """The entries with the names of both heads, or those that encode gives too; None where not both are there."""
    if None in by_name and encoded is not None:
        mu = next((path for path, leaf in found if same(leaf, encoded[0])), by_name[0])
        by_name = mu, next((path for path, leaf in found if path != mu and same(leaf, encoded[1])), by_name[1])
    return None if None in by_name else by_name


def _neighbours(found: list[tuple[Path, Tensor]], x: Tensor, again: Any, output: tuple[Path | None] | None) -> Heads | None:
    """The first two neighbours of like shape: of those that no noise moves and that are unlike the input, or else behind the output.

    Of an encoder's entries, only those that no noise moves; and of more than two that none does, no one knows which.
    """
    places = [path for path, _leaf in found]
    steady = [(path, leaf) for path, leaf in found if again is None or same(leaf, at(again, path))]
    for offered in (steady, found) if output is not None else (steady,) if len(found) == 2 or len(steady) < len(found) else ():
        codes = [(path, leaf) for path, leaf in offered if leaf.dim() >= 2 and (output is None or leaf.numel() != x.numel())]
        if output is not None and len(codes) < 2 and (len(found) >= 3 or output[0] is not None):
            codes = [(path, leaf) for path, leaf in offered if path != (output[0] or places[0]) and leaf.dim() >= 2 and not same(leaf, x)]
        for first, second in pairwise(codes):
            if first[1].shape == second[1].shape and (output is None or places.index(second[0]) == places.index(first[0]) + 1):
                return first[0], second[0]
    return None


def _output(rest: list[tuple[Path, Tensor]], x: Tensor) -> Path | None:
    """The first entry of the input's size, or else a wide one; what equals the batch is the batch itself where another could be it."""
    outputs = [path for path, leaf in rest if leaf.numel() == x.numel() and not same(leaf, x)]
    wide = [path for path, leaf in rest if leaf.dim() >= 2 and not same(leaf, x)]
    outputs = outputs or wide[:1] or [path for path, leaf in rest if leaf.numel() == x.numel()]
    nested = bool(outputs) and len(outputs[0]) > 1 and len(outputs) >= 2 and outputs[1][:-1] == outputs[0][:-1]
    return outputs[0][:-1] if nested else next(iter(outputs), None)
