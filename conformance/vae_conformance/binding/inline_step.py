"""The sampling step of a model that samples inline: a pass is replayed with mu and the second head replaced, up to its latent z.

It is used where behaviour confirms it: under one seed z moves as mu does, and the second head moves it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from vae_conformance.binding.findings import BATCH, Findings
from vae_conformance.binding.interface import DECODE_NAMES, candidates
from vae_conformance.binding.layout import same
from vae_conformance.binding.passes import forward_of, has_forward, noting
from vae_conformance.binding.trace.tape import Recording, record
from vae_conformance.binding.traced import TracedPass
from vae_spec.subject import Noise, Part, Standing, SubjectFault


def find_inline_step(found: Findings, latent_shape: tuple[int, ...], traced: Callable[[], TracedPass]) -> None:
    """Where no part is the sampling step, bind what is inline, where it behaves as one."""
    inline = found.parts[Part.DRAW].standing is Standing.REPLACED
    if not inline or found.layout is None or found.pair is None or not has_forward(found.model):
        return
    one = traced()
    found.site = _site(found, one)
    roles = one.training
    if roles is None or not roles.noise or roles.second is None:
        return
    steps = (partial(one.drawn, few=few) for few in (True, False))
    step = next((step for step in steps if _confirmed(found, step, latent_shape)), None)
    if step is None:
        return

    def draw(mu: Tensor, second: Tensor) -> Tensor:
        return step(mu, second)

    # People who are sent to the sampling step are sent to forward, where it is.
    draw.__wrapped__ = forward_of(found.model)  # type: ignore[attr-defined]
    found.draw = draw
    line = "" if roles.line is None else f", {Path(roles.line.file).name}:{roles.line.number}"
    found.report(Part.DRAW, Standing.PRESENT, f"inline{line}", known_by="probe: under one seed z moves as mu does")


def _site(found: Findings, traced: TracedPass) -> str | None:
    """Find the part that takes the latent as its first argument; None if there is none."""
    roles = traced.training
    if roles is None or not roles.noise:
        return None
    decoders = [part.name for part in candidates(found.model, DECODE_NAMES)]
    modules = [name for name, _module in found.model.named_modules() if name] if isinstance(found.model, nn.Module) else []
    names = tuple(dict.fromkeys((*decoders, *modules)))

    def run() -> tuple[Recording, dict[str, Any]]:
        with noting(found.model, names) as noted:
            recording = record(traced.run, found.x)
        return recording, noted

    try:
        recording, noted = found.call("forward", run, train=True)
    except SubjectFault:
        return None
    z = recording.nodes[roles.z.number].value if recording.operations == roles.operations else None
    first = {name: noted[name][0] for name in names if noted.get(name)}
    return next((name for name, value in first.items() if z is not None and isinstance(value, Tensor) and _holds(value, z)), None)


def _holds(value: Tensor, z: Tensor) -> bool:
    return value.numel() == z.numel() and len(value) == len(z) and same(value.flatten(1), z.flatten(1))


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
