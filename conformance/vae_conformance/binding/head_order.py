"""Which of two heads is mu, and what the second means, by the latent that is decoded without noise and with noise of ones."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

from torch import Tensor

from vae_conformance.binding.findings import Findings
from vae_conformance.binding.follow import silent_pass
from vae_conformance.binding.heads import Head, head_of
from vae_conformance.binding.injection import answering
from vae_conformance.binding.layout import ForwardLayout, at, same
from vae_conformance.target.adapter import part_of
from vae_spec.subject import Noise, SubjectFault


def settle_order(found: Findings) -> Head | None:
    """Which of two heads is mu, and what the second means, by the noise; corrects the order that was taken from positions.

    Returns:
        The second head's meaning where the decoded code can be seen; None elsewhere.
    """
    if found.layout is None or found.joint.composition is not None:
        return None

    def run(x: Tensor) -> Any:
        with _sparing(found):
            return found.joint(found.model, x)

    try:
        silent = silent_pass(found, run)
        pair = None if silent is None else _pair(found, silent.result)
    except SubjectFault:
        return None
    if silent is None or pair is None or pair[0].numel() != silent.z.numel() or pair[0].shape != pair[1].shape:
        return None
    z, sigma = silent.z.reshape(pair[0].shape), silent.sigma.reshape(pair[0].shape)
    if same(pair[1], z) and not same(pair[0], z) and (head := head_of(pair[0], sigma)) is not None:
        _swap(found)
        return head
    return head_of(pair[1], sigma) if same(pair[0], z) else None


def _pair(found: Findings, result: Any) -> tuple[Tensor, Tensor] | None:
    """Mu and the second head of a pass without noise."""
    layout = found.layout
    if layout is None or layout.posterior is not None:
        return None
    if layout.mu is not None and layout.logvar is not None:
        return at(result, layout.mu), at(result, layout.logvar)
    if found.encode is not None and found.form is not None and found.form.posterior is None:
        return found.form.read(found.call("encode", part_of(found.model, found.encode), found.x, train=True, noise=Noise.none()))
    return None


def _sparing(found: Findings) -> AbstractContextManager[None]:
    """Pass copies to the sampling step of a running model within the block."""
    if not isinstance(found.draw, str):
        return nullcontext()
    return answering(found.model, found.draw, lambda own, *arguments: own(*_copies(arguments)))


def _copies(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return type(value)(_copies(one) for one in value)
    return value.clone() if isinstance(value, Tensor) else value


def _swap(found: Findings) -> None:
    layout = found.layout
    assert layout is not None
    found.layout = ForwardLayout(layout.raw, layout.logvar, layout.mu)
    if found.form is not None and found.form.posterior is None:
        found.form = type(found.form)(found.form.second, found.form.mu)
    if found.pair is not None:
        found.pair = found.pair[1], found.pair[0]
    found.notes.append("without noise the decoder is given the later of the two heads: it is taken for mu")
