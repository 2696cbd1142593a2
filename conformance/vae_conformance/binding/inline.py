"""The sampling step and the decoder of a model that has them inside of forward: a pass is replayed with other heads or another latent.

Either is used where behaviour confirms it: under one seed z moves as mu does, and the second head moves it; the output follows z, and
neither the batch nor the seed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vae_conformance.binding.findings import BATCH, Findings
from vae_conformance.binding.interface import DECODE_NAMES, as_raw, candidates
from vae_conformance.binding.layout import at, same
from vae_conformance.binding.passes import forward_of, has_forward
from vae_conformance.binding.refusals import refuse_size_of_item, refuse_teacher
from vae_conformance.binding.traced import TracedPass, trace_pass
from vae_conformance.guard.random_calls import DROPPING
from vae_spec.subject import Noise, Part, Standing, SubjectFault

_OBJECTIONS = {
    "decoder-sees-x": ": whatever z it is given, its output follows the batch too",
    "decoder-ignores-z": ": whatever z it is given, its output stays the same",
}


def find_inline(found: Findings, latent_shape: tuple[int, ...]) -> Findings:
    """Bind the sampling step and the decoder that no part is, where they behave as such."""
    draws = found.parts[Part.DRAW].standing is not Standing.REPLACED
    decodes = found.parts[Part.DECODE].standing is not Standing.MISSING
    if (draws and decodes) or found.layout is None or found.pair is None or not has_forward(found.model):
        return found
    traced = trace_pass(found)
    found = found if draws else _with_step(found, traced, latent_shape)
    return found if decodes else _with_decoder(found, traced, latent_shape)


def _with_step(found: Findings, traced: TracedPass, latent_shape: tuple[int, ...]) -> Findings:
    """The sampling step, and the part that takes its latent as its first argument."""
    roles, latent = traced.training, found.latent
    if roles is None or latent is None:
        return found
    takers = [call.name for call in found.calls if call.takes(latent.code)]
    decoders = [part.name for part in candidates(found.model, DECODE_NAMES)]
    found = replace(found, site=next((name for name in (*decoders, *takers) if name in takers), None))
    steps = (partial(traced.drawn, few=few) for few in (True, False))
    step = None if roles.second is None else next((step for step in steps if _confirmed(found, step, latent_shape)), None)
    if step is None:
        return found

    def draw(mu: Tensor, second: Tensor) -> Tensor:
        return step(mu, second)

    # People who are sent to the sampling step are sent to forward, where it is.
    draw.__wrapped__ = forward_of(found.model)  # type: ignore[attr-defined]
    line = "" if roles.line is None else f", {Path(roles.line.file).name}:{roles.line.number}"
    found.report(Part.DRAW, Standing.PRESENT, f"inline{line}", known_by="probe: under one seed z moves as mu does")
    return replace(found, draw=draw)


def _confirmed(found: Findings, step: Callable[[Tensor, Tensor], Tensor], latent_shape: tuple[int, ...]) -> bool:
    """Whether under one seed z moves as mu does, and with the second head, at any batch size."""
    generator = torch.Generator().manual_seed(7)
    mu, other = (torch.randn((BATCH, *latent_shape), generator=generator).to(found.device) for _ in range(2))
    # A standard deviation or a variance is above 0, a log-variance may be anything.
    second = 0.1 * mu.abs() + 0.5

    def drawn(mu: Tensor, second: Tensor) -> Tensor:
        z: Tensor = found.call("sampling step", step, mu.clone(), second.clone(), train=True, noise=Noise())
        return z

    try:
        first, moved, wider, alone = (drawn(*heads) for heads in ((mu, second), (other, second), (mu, second + 0.25), (mu[:1], second[:1])))
    except SubjectFault:
        return False
    if first.numel() != mu.numel() or not first.shape == moved.shape == wider.shape or alone.shape != first[:1].shape:
        return False
    follows = torch.allclose((moved - first).reshape(mu.shape), other - mu, rtol=1e-3, atol=1e-4)
    return follows and not torch.equal(first, wider)


def _with_decoder(found: Findings, traced: TracedPass, latent_shape: tuple[int, ...]) -> Findings:
    """The decoder."""
    layout = found.layout
    assert layout is not None

    def decode(z: Tensor, traced: TracedPass = traced) -> Any:
        return at(traced.decoded(z), layout.raw)

    generator = torch.Generator().manual_seed(5)
    z, other = (torch.randn((BATCH, *latent_shape), generator=generator).to(found.device) for _ in range(2))
    turned = partial(decode, traced=replace(traced, x=found.x.flip(0)))
    objection = _objection(found, decode, turned, z, other)
    if objection is not None:
        account = f"{found.parts[Part.DECODE].account}, and no z can be put in the place of the one that forward decodes"
        found.report(Part.DECODE, Standing.MISSING, account + _OBJECTIONS.get(objection, ""), objection or None)
        return found
    # People who are sent to the decoder are sent to forward, where it is.
    decode.__wrapped__ = forward_of(found.model)  # type: ignore[attr-defined]
    known = "probe: its output follows z, and neither the batch nor the seed"
    found.report(Part.DECODE, Standing.PRESENT, "forward with its latent replaced by z", known_by=known)
    decoded = found.call("decode", decode, z)
    return replace(found, steered=decode, decoded=decoded, raw=found.raw or as_raw(decoded), end=found.end_of(decode, z))


def _objection(found: Findings, decode: Callable[..., Any], turned: Callable[..., Any], z: Tensor, other: Tensor) -> str | None:
    """What speaks against it: the mistake that explains it, or an empty text; None where nothing does.

    Nothing does where the output follows z, is not z itself, and follows neither the batch nor the seed, in both modes. Dropout in
    training mode follows the seed, and nothing can be said of it there.
    """
    try:
        for train in (False,) if DROPPING & found.random else (False, True):
            first, by_batch, by_seed, by_latent = (
                _output(found, found.call("decode", one, latent, train=train, seed=seed))
                for one, latent, seed in ((decode, z, 0), (turned, z, 0), (decode, z, 1), (decode, other, 0))
            )
            if same(first.flatten(1), z.flatten(1)) or not same(first, by_seed):
                return ""
            if same(first, by_latent):
                return "decoder-ignores-z" if same(first, by_batch) else ""
            if not same(first, by_batch):
                if _differ_by_a_factor(first, by_batch):
                    refuse_size_of_item(found, "forward's decoder")
                refuse_teacher(found, "forward's decoder")
                return "decoder-sees-x"
    except SubjectFault:
        return ""
    return None


def _differ_by_a_factor(one: Tensor, other: Tensor) -> bool:
    """Return whether each item of two outputs is the other's times one number."""
    ratio = (one / other).flatten(1)
    return bool(torch.isfinite(ratio).all()) and ratio.shape[1] > 1 and same(ratio, ratio[:, :1].expand_as(ratio))


def _output(found: Findings, result: Any) -> Tensor:
    raw = as_raw(result)
    if raw is None or raw[0].dim() < 2 or len(raw[0]) != BATCH or raw[0].numel() % found.x.numel():
        raise SubjectFault("decode", "does not give one output an item")
    return raw[0]
