"""What the roles of a loss stand for: tensors, distributions where forward returns such, and forward's result with other values in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from vae_conformance.binding.distributions import is_gaussian, is_readable, pair_of, with_pair
from vae_conformance.binding.findings import BATCH, Findings
from vae_conformance.binding.injection import decoded_as
from vae_conformance.binding.layout import Path, at, leaves, plain_paths, rebuilt, same
from vae_conformance.binding.loss_arguments import NOTHING_KNOWN, Returned
from vae_conformance.binding.losses import Values, plain_values
from vae_conformance.binding.passes import RETURNED, stored_tensors
from vae_conformance.binding.remaking import MADE_OF, posterior_object
from vae_conformance.target.adapter import part_of, resolve
from vae_spec.subject import Raw, SubjectFault

_MADE = {f"made of the second head, {place}": made_of for place, made_of in enumerate(MADE_OF)}
"""The roles of what is returned beside the second head and was made of it, such as sigma."""
ALWAYS = frozenset({"raw", "x", "mu", "logvar", "z", "batch"})
"""The roles that can be filled for any implementation."""


def values_of(found: Findings, *, whole: bool) -> Values:
    """What each role stands for; a loss that takes forward's result as a `whole` has the role `outputs`."""
    if found.layout is None or found.joint.composition is not None:
        return plain_values
    objects = _objects(found)
    returned, paths = returned_roles(found) if whole else (None, {})

    def values(raw: Raw, x: Tensor, mu: Tensor, second: Tensor, z: Tensor | None) -> dict[str, Any]:
        given = objects(raw, x, mu, second, z)
        if whole:
            given["outputs"] = _with_roles(returned, paths, given)
        return given

    return values


def code_path(found: Findings) -> Path | None:
    """Where the result of a pass holds the code that was drawn, if it does."""
    if found.layout is None or found.joint.composition is not None:
        return None
    path = next((path for path, role in returned_roles(found)[1].items() if role == "z"), None)
    return path if path is None or found.joint.plain else (RETURNED, *path)


def what_is_returned(found: Findings) -> Returned:
    """What forward's result tells of a loss's arguments."""
    if found.layout is None or found.joint.composition is not None:
        return NOTHING_KNOWN
    roles = returned_roles(found)[1]
    names = {path[-1]: role for path, role in roles.items() if path and isinstance(path[-1], str)}
    return Returned(names, pair=_two_outputs(found), holds_input="x" in roles.values())


def _two_outputs(found: Findings) -> bool:
    """Whether the decoder gives tensors for a mean and a variance."""
    whole = None if found.layout is None else at(found.result, found.layout.raw)
    return found.raw is not None and len(found.raw) == 2 and not is_readable(whole)


def available(found: Findings, *, whole: bool) -> frozenset[str]:
    """The roles that can be filled."""
    known = ALWAYS | ({"outputs"} if whole else set()) | ({"spread"} if _two_outputs(found) else set())
    if found.layout is None or found.joint.composition is not None:
        return ALWAYS
    return known | ({"posterior"} if _posterior(found) is not None else set())


def kept_heads(found: Findings) -> Mapping[str, str]:
    """The attributes in which a training pass keeps mu or the second head, for a loss that reads them there."""
    if not stored_tensors(found.model) or found.joint.composition is not None:
        return {}

    def run() -> tuple[tuple[Tensor, Tensor] | None, dict[str, Tensor]]:
        result = found.joint(found.model, found.x.clone())
        layout, pair = found.layout, None
        if layout is not None and layout.mu is not None and layout.logvar is not None:
            pair = at(result, layout.mu), at(result, layout.logvar)
        elif found.encode is not None and found.form is not None and found.form.posterior is None:
            pair = found.form.read(part_of(found.model, found.encode)(found.x.clone()))
        return pair, stored_tensors(found.model)

    try:
        pair, stored = found.call("forward", run, train=True)
    except SubjectFault:
        return {}
    heads = () if pair is None else zip(("mu", "second"), pair, strict=True)
    return {name: role for role, value in heads for name, kept in stored.items() if same(kept, value)}


@contextmanager
def keeping(model: Any, kept: Mapping[str, str], mu: Tensor, second: Tensor) -> Iterator[None]:
    """The attributes hold this posterior inside the block."""
    before = {name: part_of(model, name) for name in kept}
    for name, role in kept.items():
        setattr(*resolve(model, name), mu if role == "mu" else second)
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(*resolve(model, name), value)


def result_holds_posterior(found: Findings) -> bool:
    """Whether a posterior can be put into what forward returns."""
    if found.layout is None or found.joint.composition is not None:
        return False
    held = set(returned_roles(found)[1].values())
    return {"mu", "logvar"} <= held or "posterior" in held


def _with_roles(result: Any, paths: Mapping[Path, str], given: Mapping[str, Any]) -> Any:
    """A result with the values of its roles; an object that holds both heads is replaced as a whole.

    What else it holds for each item, such as a prior, is made for as many items as are given.
    """
    values = {path: given[role] if role in given else _MADE[role](given["logvar"]) for path, role in paths.items()}
    count = len(given["x"])
    placed = [plain for path in paths for plain in plain_paths(path)]
    others = [(path, leaf) for path, leaf in leaves(result) if not any(path[: len(taken)] == taken for taken in placed)]
    return rebuilt(result, values | {path: sized for path, leaf in others if (sized := _for_items(leaf, count)) is not leaf})


def _for_items(leaf: Any, count: int) -> Any:
    """A tensor or a Gaussian of BATCH items for another number of items, one after another."""
    if isinstance(leaf, Tensor):
        return leaf if leaf.dim() == 0 or len(leaf) != BATCH or count == BATCH else leaf[torch.arange(count) % BATCH]
    if not is_readable(leaf) or not is_gaussian(leaf) or leaf.batch_shape[:1] != (BATCH,) or count == BATCH:
        return leaf
    mean, logvar = (one[torch.arange(count) % BATCH] for one in pair_of(leaf))
    return with_pair(leaf, mean, logvar)


def _objects(found: Findings) -> Callable[..., dict[str, Any]]:
    """The values, with distributions and objects of the author's where forward gives such."""
    layout = found.layout
    assert layout is not None
    output = at(found.result, layout.raw)
    posterior = _posterior(found)

    def values(raw: Raw, x: Tensor, mu: Tensor, second: Tensor, z: Tensor | None) -> dict[str, Any]:
        given = plain_values(raw, x, mu, second, z)
        if is_readable(output):
            given["raw"] = decoded_as(output, raw)
        if posterior is not None:
            given["posterior"] = posterior(mu, second)
        return given

    return values


def _posterior(found: Findings) -> Callable[[Tensor, Tensor], Any] | None:
    """How a posterior of the kind that forward returns is made of its two heads; None where it returns tensors."""
    layout = found.layout
    if layout is None:
        return None
    if layout.posterior is not None:
        template = at(found.result, layout.posterior)
        return lambda mu, second: with_pair(template, mu, second)
    if layout.mu is None or layout.logvar is None:
        return None
    holder = posterior_object(found.result, layout.mu, layout.logvar)
    return None if holder is None else holder.of


def returned_roles(found: Findings) -> tuple[Any, dict[Path, str]]:
    """What forward returns, and the role of each of its entries; what is a code and has none is the sample, what is x is x."""
    layout = found.layout
    assert layout is not None
    inner = not found.joint.plain
    returned = found.result[RETURNED] if inner else found.result
    roles: dict[Path, str] = {}
    for role in ("raw", "mu", "logvar", "posterior"):
        path = getattr(layout, role)
        if path is not None and (not inner or path[0] == RETURNED):
            roles[path[1:] if inner else path] = role
    if not inner and layout.mu is not None and layout.logvar is not None:
        holder = posterior_object(returned, layout.mu, layout.logvar)
        if holder is not None:
            roles = {path: role for path, role in roles.items() if role not in ("mu", "logvar")} | {holder.path: "posterior"}
    for path, leaf in leaves(returned):
        if path in roles or not isinstance(leaf, Tensor) or any(path[: len(taken)] == taken for taken in roles):
            continue
        if same(leaf, found.x):
            roles[path] = "x"
        elif found.pair is not None and leaf.shape == found.pair[0].shape:
            second = None if layout.logvar is None or inner else at(returned, layout.logvar)
            made = () if second is None else (role for role, made_of in _MADE.items() if same(leaf, made_of(second)))
            roles[path] = next(iter(made), "z")
    return returned, roles
