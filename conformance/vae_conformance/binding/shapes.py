"""The shape of one item: given, or the first that the model takes and gives back."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from itertools import product

import torch
from torch import Tensor, nn

from vae_conformance.binding.findings import BATCH, Findings
from vae_conformance.binding.interface import DECODE_NAMES, ENCODE_NAMES, as_raw, candidates
from vae_conformance.binding.layout import at, leaves
from vae_conformance.binding.passes import has_forward
from vae_conformance.binding.probing import probe_batch, shape_candidates
from vae_conformance.binding.reading import code_form, read_layout
from vae_conformance.binding.tokens import asks_for_tokens, one_hot
from vae_conformance.config.options import RunOptions
from vae_conformance.errors import Unbound
from vae_conformance.target.adapter import inner_of
from vae_spec.subject import Raw, SubjectFault

ROWS_AND_COLUMNS = 2
"""The sides of an item without a channel."""


def with_shape(found: Findings, options: RunOptions) -> Findings:
    """The shape of one item and a batch of it: the one given, or the first that forward takes and gives back, or at least runs on.

    A shape counts as given back only if every item stays one: `view(-1, n)` in front of the heads folds several items of a smaller shape
    into one row, and makes several rows of an item of a larger one, while the output's `view_as(x)` hides it.
    """
    declared = [options.input_shape] if options.input_shape else []
    own = shape_candidates(found.model, found.target.arguments)
    fallback: tuple[int, ...] | None = None
    waiting = list((declared or own) if has_forward(found.model) else ())
    failure = "" if waiting else "is not there"
    folding: tuple[int, ...] | None = None
    tried: set[tuple[int, ...]] = set()
    while waiting:
        shape = waiting.pop(0)
        # An output without a channel for an image that has one is for the claims to judge.
        if shape in tried or (fallback is not None and len(shape) == ROWS_AND_COLUMNS and shape in own):
            continue
        tried.add(shape)
        try:
            x, raw = _output(found, shape, BATCH)
        except SubjectFault as fault:
            failure = failure or fault.what
            if "did not return" in fault.what:
                break
            continue
        if raw is not None and raw[0].shape == x.shape:
            if declared or _gives_back(found, shape):
                return replace(found, shape=shape, x=x)
            folding = folding or shape
            continue
        if fallback is None and (raw is None or raw[0].numel() % x.numel() == 0):
            fallback = shape
        # What is given for an item of another shape may be the shape of an item: a series as long as its decoder makes them, or one that
        # the model flattens.
        if raw is not None and not declared and (raw[0].dim() == x.dim() or (raw[0].dim() > x.dim() and raw[0].numel() == x.numel())):
            waiting.append(tuple(raw[0].shape[1:]))
    fallback = folding or fallback
    chosen = fallback or (declared[0] if declared else None) or _encodable_shape(found, own) or (own[0] if _states_a_shape(found) else None)
    if chosen is None or (fallback is None and asks_for_tokens(failure)):
        raise Unbound(
            f"no shape of input was found that {found.target.name} takes: forward {failure}",
            "name the shape of one item with --input-shape, for example --input-shape 1,28,28",
        )
    return replace(found, shape=chosen, x=_batch(found, chosen, BATCH))


def _batch(found: Findings, shape: tuple[int, ...], items: int) -> Tensor:
    x = probe_batch(shape, items).to(found.device)
    return one_hot(x) if found.target.vocabulary else x


def guesses_fit(found: Findings, options: RunOptions) -> bool:
    """Whether the constructor's guessed arguments are for items of the shape that forward gives; if not, they are guessed anew."""
    builder = found.target.builder
    if builder is None or not builder.way.guessed or options.input_shape or not has_forward(found.model):
        return True
    try:
        x, raw = _output(found, found.shape, BATCH)
    except SubjectFault:
        return True
    return raw is None or raw[0].shape == x.shape or raw[0].dim() != x.dim() or not builder.refit(tuple(raw[0].shape[1:]))


def _output(found: Findings, shape: tuple[int, ...], items: int) -> tuple[Tensor, Raw | None]:
    """Run forward on so many items of a shape, and return them with the output.

    Raises:
        SubjectFault: it does not run, or makes several rows of an item.
    """
    x = _batch(found, shape, items)
    result = found.call("forward", found.forward, x)
    if any(
        len(leaf) > items and len(leaf) % items == 0
        for _path, leaf in leaves(result)
        if isinstance(leaf, Tensor) and leaf.dim() == ROWS_AND_COLUMNS
    ):
        raise SubjectFault("forward", f"makes several rows of an item of the shape {shape}")
    layout = read_layout(result, x)
    return x, None if layout is None else as_raw(at(result, layout.raw))


def _gives_back(found: Findings, shape: tuple[int, ...]) -> bool:
    """Whether forward gives items of this shape back in another number too."""
    try:
        x, raw = _output(found, shape, BATCH // 2)
    except SubjectFault:
        return False
    return raw is not None and raw[0].shape == x.shape


def _encodable_shape(found: Findings, shapes: list[tuple[int, ...]]) -> tuple[int, ...] | None:
    """A shape that encode takes: one of an image where decode gives images of it, else the first."""
    first: tuple[int, ...] | None = None
    for shape, encode in product(shapes, candidates(found.model, ENCODE_NAMES)):
        x = probe_batch(shape, BATCH).to(found.device)
        with suppress(SubjectFault):
            result = found.call("encode", encode.call, x)
            first = first or shape
            form = code_form(result, x, None, lambda: None)
            code = torch.zeros(1) if form is None else torch.zeros_like(form.read(result)[0])
            for decode in candidates(found.model, DECODE_NAMES)[:1]:
                raw = as_raw(found.call("decode", decode.call, code.to(found.device)))
                if raw is not None and raw[0].shape == x.shape:
                    return shape
    return first


def _states_a_shape(found: Findings) -> bool:
    inner = inner_of(found.model)
    attributes = vars(inner) if hasattr(inner, "__dict__") else {}
    return any("shape" in name or name.startswith(("input", "in_")) for name in (*attributes, *found.target.arguments)) or any(
        isinstance(module, nn.Linear | nn.Conv2d) for module in (found.model.modules() if isinstance(found.model, nn.Module) else ())
    )
