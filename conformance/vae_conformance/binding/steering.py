"""Decode a given z with a model whose decoder is part of forward, by replaying a pass with z in the place of its latent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from vae_conformance.binding.findings import BATCH, Findings
from vae_conformance.binding.interface import as_raw
from vae_conformance.binding.layout import ForwardLayout, at, same
from vae_conformance.binding.passes import forward_of, has_forward
from vae_conformance.binding.probing import decoder_end, output_range
from vae_conformance.binding.traced import TracedPass
from vae_conformance.guard.random_calls import DROPPING, RandomCalls
from vae_spec.subject import Noise, Part, Raw, Standing, SubjectFault

_OBJECTIONS = {
    "decoder-sees-x": ": whatever z it is given, its output follows the batch too",
    "decoder-ignores-z": ": whatever z it is given, its output stays the same",
}


@dataclass(frozen=True)
class Steering:
    """Decodes z by a pass of the model.

    Attributes:
        traced: the pass.
        layout: where its result holds the output.
    """

    traced: TracedPass
    layout: ForwardLayout

    def __call__(self, z: Tensor) -> Any:
        """What forward gives for z, of shape (B, *latent)."""
        return at(self.traced.decoded(z), self.layout.raw)


def steer_decoder(found: Findings, latent_shape: tuple[int, ...], traced: Callable[[], TracedPass]) -> None:
    """Where no part decodes z, have forward do it, where its behaviour confirms that it does."""
    if (
        found.parts[Part.DECODE].standing is not Standing.MISSING
        or found.layout is None
        or found.pair is None
        or not has_forward(found.model)
    ):
        return
    steering = Steering(traced(), found.layout)
    objection = _objection(found, steering, latent_shape)
    if objection is None:
        _take(found, steering, latent_shape)
        return
    account = f"{found.parts[Part.DECODE].account}, and no z can be put in the place of the one that forward decodes"
    found.report(Part.DECODE, Standing.MISSING, account + _OBJECTIONS.get(objection, ""), objection or None)


def _objection(found: Findings, steering: Steering, latent_shape: tuple[int, ...]) -> str | None:
    """What speaks against it: the mistake that explains it, or an empty text; None where nothing does.

    Nothing does where the output follows z, is not z itself, and follows neither the batch nor the seed, in both modes. Dropout in
    training mode follows the seed, and nothing can be said of it there.
    """
    generator = torch.Generator().manual_seed(5)
    z, other = (torch.randn((BATCH, *latent_shape), generator=generator).to(found.device) for _ in range(2))
    turned = replace(steering, traced=replace(steering.traced, x=found.x.flip(0)))
    try:
        for train in (False, True):
            if train and _drops(found):
                continue
            answers = [
                _output(found, found.call("decode", one, latent, train=train, seed=seed))
                for one, latent, seed in ((steering, z, 0), (turned, z, 0), (steering, z, 1), (steering, other, 0))
            ]
            first, by_batch, by_seed, by_latent = answers
            if same(first.flatten(1), z.flatten(1)) or not same(first, by_seed):
                return ""
            if same(first, by_latent):
                return "decoder-ignores-z" if same(first, by_batch) else ""
            if not same(first, by_batch):
                return "decoder-sees-x"
    except SubjectFault:
        return ""
    return None


def _output(found: Findings, result: Any) -> Tensor:
    raw = as_raw(result)
    if raw is None or raw[0].dim() < 2 or len(raw[0]) != BATCH or raw[0].numel() % found.x.numel():
        raise SubjectFault("decode", "does not give one output an item")
    return raw[0]


def _drops(found: Findings) -> bool:
    watch = RandomCalls(Noise())

    def run() -> None:
        with watch:
            found.forward(found.x)

    found.call("forward", run, train=True)
    return bool(DROPPING & set(watch.names))


def _take(found: Findings, steering: Steering, latent_shape: tuple[int, ...]) -> None:
    z = torch.randn((BATCH, *latent_shape), generator=torch.Generator().manual_seed(5)).to(found.device)

    def decode(z: Tensor) -> Any:
        return steering(z)

    # People who are sent to the decoder are sent to forward, where it is.
    decode.__wrapped__ = forward_of(found.model)  # type: ignore[attr-defined]
    found.steered, found.decoded = decode, found.call("decode", decode, z)
    raw: Raw | None = as_raw(found.decoded)
    found.raw = found.raw or raw
    known = "probe: its output follows z, and neither the batch nor the seed"
    found.report(Part.DECODE, Standing.PRESENT, "forward with its latent replaced by z", known_by=known)
    try:
        found.end = output_range(*found.call("decode", decoder_end, decode, z))
    except SubjectFault:
        found.end = "free"
