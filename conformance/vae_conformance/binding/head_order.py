"""Which of two heads is mu, and what the second means, by the latent that is decoded without noise and with noise of ones."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor

from vae_conformance.binding.findings import BATCH, Findings
from vae_conformance.binding.heads import Head, head_of
from vae_conformance.binding.injection import answering
from vae_conformance.binding.inside import sight
from vae_conformance.binding.layout import ForwardLayout, at, same
from vae_conformance.binding.passes import has_forward
from vae_conformance.target.adapter import part_of
from vae_spec.subject import Noise, SubjectFault


def settle_order(found: Findings) -> Head | None:
    """Which of two heads is mu, and what the second means, by the noise; corrects the order that was taken from positions.

    Returns:
        The second head's meaning where the decoded code can be seen; None elsewhere.
    """
    if found.layout is None or found.joint.composition is not None:
        return None
    try:
        silent = sight(found, noise=Noise.none(), parts=())
        if silent.z is None or len(silent.z) != BATCH:
            return None
        ones = sight(found, noise=Noise(given=torch.ones_like(silent.z)), parts=())
        pair = _pair_without_noise(found)
    except SubjectFault:
        return None
    if ones.z is None or pair is None or pair[0].shape != silent.z.shape or ones.z.shape != silent.z.shape:
        return None
    sigma = ones.z - silent.z
    if same(pair[1], silent.z) and not same(pair[0], silent.z) and (head := head_of(pair[0], sigma)) is not None:
        _swap(found)
        return head
    return head_of(pair[1], sigma) if same(pair[0], silent.z) else None


def head_by_step(found: Findings, takes: Head) -> Head | None:
    """What the second head means, by what forward hands the sampling step; None where that cannot be seen.

    Args:
        found: what is known of the model.
        takes: what the step's second argument means, by its draws.
    """
    if not isinstance(found.draw, str) or found.draw_form.packed or found.layout is None or not has_forward(found.model):
        return None
    try:
        seen = sight(found, parts=(found.draw,))
        second = _second_head(found)
    except SubjectFault:
        return None
    passed = seen.noted.get(found.draw, ())
    if len(passed) != 2 or not isinstance(passed[1], Tensor) or second is None or passed[1].shape != second.shape:
        return None
    return head_of(second, torch.exp(0.5 * takes.to_logvar(passed[1])))


def _second_head(found: Findings) -> Tensor | None:
    layout = found.layout
    if layout is not None and layout.logvar is not None:
        second = at(found.call("forward", found.joint, found.model, found.x, train=True), layout.logvar)
        return second if isinstance(second, Tensor) else None
    if found.encode is None or found.form is None or found.form.posterior is not None:
        return None
    return found.form.read(found.call("encode", part_of(found.model, found.encode), found.x, train=True))[1]


def _pair_without_noise(found: Findings) -> tuple[Tensor, Tensor] | None:
    """Mu and the second head where there is no noise, from forward before its sampling step could have changed them in place."""
    layout = found.layout
    if layout is None or layout.posterior is not None:
        return None
    if layout.mu is not None and layout.logvar is not None:
        with _sparing(found):
            result = found.call("forward", found.joint, found.model, found.x, train=True, noise=Noise.none())
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
