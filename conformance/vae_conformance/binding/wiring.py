"""The wiring of a model: how its parts are called."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from vae_conformance.binding.drawing import DrawForm
from vae_conformance.binding.heads import Head
from vae_conformance.binding.layout import CodeForm, ForwardLayout, Path
from vae_conformance.binding.losses import Loss
from vae_conformance.binding.passes import Joint


@dataclass(frozen=True)
class Wiring:
    """How the parts are called. A name is looked up on the model; a callable stands for itself; None is not there.

    Attributes:
        encode, draw, decode: the parts; without encode the posterior is read from a pass.
        layout: where the result of a pass holds what; None where forward does not work.
        loss: the loss.
        head: the meaning of the second head.
        latent_shape: of one code as the model shapes it.
        raw_shapes: of one item of each tensor of the decoder's output, as the model shapes it.
        form: where encode's result holds mu and the second head.
        draw_form: how the sampling step takes its arguments.
        joint: how a pass is run.
        code: where the result of a pass holds the code that was drawn; None where it does not.
        site: the part that takes the code inside of forward, where the sampling step stands inline; None elsewhere.
    """

    encode: str | None
    draw: str | Callable[..., Any] | None
    decode: str | Callable[..., Any] | None
    layout: ForwardLayout | None
    loss: Loss | None
    head: Head
    latent_shape: tuple[int, ...]
    raw_shapes: tuple[tuple[int, ...], ...]
    form: CodeForm | None = None
    draw_form: DrawForm = field(default_factory=DrawForm)
    joint: Joint = field(default_factory=Joint)
    code: Path | None = None
    site: str | None = None
