"""What a pass of the model says of its entries: which of them a loss takes, by the role of its argument."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution

from vae_conformance.binding.distributions import is_readable, pair_of
from vae_conformance.binding.findings import Findings
from vae_conformance.binding.layout import Path, at, leaves, named, same
from vae_conformance.binding.loss_arguments import NOTHING_KNOWN, Returned
from vae_conformance.binding.passes import RETURNED
from vae_conformance.binding.roles.nodes import ORIGINS
from vae_conformance.target.adapter import part_of


def entry_of(found: Findings, role: str, *, labelled: bool = False) -> Callable[[Any, Tensor], Any]:
    """How what an argument of this role is given is read off the result of a pass and its batch, which may have labels beside it."""

    def label(x: Tensor) -> Tensor:
        return torch.zeros(len(x), dtype=torch.long, device=x.device)

    of_batch: dict[str, Callable[[Any, Tensor], Any]] = {
        "x": lambda _result, x: (x, label(x)) if labelled else x,
        "target": lambda _result, x: x,
        "label": lambda _result, x: label(x),
        "index": lambda _result, _x: 0,
        "batch": lambda _result, x: len(x),
        "model": lambda _result, _x: found.model,
    }
    if role in of_batch:
        return of_batch[role]
    if role in ("encoder", "decoder"):
        known = found.encode if role == "encoder" else found.decode
        return lambda _result, _x: getattr(found.model, role, None) or part_of(found.model, known or role)
    layout = found.layout
    assert layout is not None
    paths = {**vars(layout), "outputs": _returned(found), "posterior": posterior_path(found), "z": code_path(found) or layout.mu}
    path = paths[role]
    if path is not None:
        return lambda result, _x: at(result, path)
    second = int(role == "logvar")  # without a code of its own, z is mu
    if (posterior := layout.posterior) is not None:
        return lambda result, _x: pair_of(at(result, posterior))[second]
    encode, form = found.encode, found.form
    assert encode is not None
    assert form is not None
    return lambda _result, x: form.read(part_of(found.model, encode)(x))[second]


def _returned(found: Findings) -> Path:
    """Where the result of a pass holds what forward returns."""
    return () if found.joint.plain else (RETURNED,)


def posterior_path(found: Findings) -> Path | None:
    """Where the result of a pass holds the posterior: a distribution, or an object that has both heads."""
    layout = found.layout
    if layout is None or layout.posterior is not None or layout.mu is None or layout.logvar is None:
        return None if layout is None else layout.posterior
    path = layout.mu[:-1]
    if not path or path != layout.logvar[:-1] or not isinstance(layout.mu[-1], str):
        return None
    holder = at(found.result, path)
    return None if isinstance(holder, Mapping | tuple | Distribution) or not named(holder) else path


def code_path(found: Findings) -> Path | None:
    """Where the result of a pass holds the code that was drawn, if it does."""
    return next((path for path, role in _roles(found).items() if role == "z"), None)


def what_is_returned(found: Findings) -> Returned:
    """What forward's result tells of a loss's arguments."""
    if not _roles(found):
        return NOTHING_KNOWN
    names = {path[-1]: role for path, role in _roles(found).items() if path and isinstance(path[-1], str) and path[-1] != RETURNED}
    return Returned(names, pair=two_outputs(found), holds_input="x" in _roles(found).values())


def gives_distribution(found: Findings) -> bool:
    """Whether the decoder gives a distribution."""
    return found.layout is not None and is_readable(at(found.result, found.layout.raw))


def two_outputs(found: Findings) -> bool:
    """Whether the decoder gives tensors for a mean and a variance."""
    return found.raw is not None and len(found.raw) == 2 and not gives_distribution(found)


def _roles(found: Findings) -> dict[Path, str]:
    """The role of each entry that forward returns; what is a code and has none is the sample, what is x is x."""
    layout = found.layout
    if layout is None or found.joint.composition is not None:
        return {}
    start = _returned(found)
    known = {layout.raw: "raw", layout.mu: "mu", layout.logvar: "logvar", posterior_path(found): "posterior"}
    roles = {path: role for path, role in known.items() if path is not None and path[: len(start)] == start}
    for path, leaf in leaves(at(found.result, start), start):
        if not isinstance(leaf, Tensor) or any(path[: len(taken)] == taken for taken in roles):
            continue
        if same(leaf, found.x):
            roles[path] = "x"
        elif found.pair is not None and leaf.shape == found.pair[0].shape and not any(same(leaf, of(found.pair[1])) for of in ORIGINS):
            roles[path] = "z"
    return roles
