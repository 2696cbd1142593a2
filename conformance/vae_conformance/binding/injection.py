"""A running model's parts made to give something else, and its layers to take what they are given at their own precision."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from vae_conformance.target.adapter import part_of, resolve


@contextmanager
def answering(model: Any, part: str, answer: Callable[..., Any]) -> Iterator[None]:
    """Inside the block a part gives what `answer` makes of its own call and of its arguments."""
    owner, name = resolve(model, part)
    target = part_of(model, part)
    holder, attribute = (target, "forward") if isinstance(target, nn.Module) else (owner, name)
    had, before = attribute in vars(holder), vars(holder).get(attribute)
    own = getattr(holder, attribute)
    object.__setattr__(holder, attribute, lambda *args, **kwargs: answer(partial(own, **kwargs), *args))
    try:
        yield
    finally:
        if had:
            object.__setattr__(holder, attribute, before)
        else:
            object.__delattr__(holder, attribute)


@contextmanager
def casting(model: Any) -> Iterator[None]:
    """Layers that still run take what they are given at their own precision: losses are asked in double precision."""
    handles = []
    for module in model.modules() if isinstance(model, nn.Module) else ():
        own = next((value for value in module._parameters.values() if value is not None), None)  # noqa: SLF001
        if own is not None:

            def cast(_module: nn.Module, args: tuple[Any, ...], dtype: torch.dtype = own.dtype) -> tuple[Any, ...]:
                return tuple(arg.to(dtype) if isinstance(arg, Tensor) and arg.is_floating_point() else arg for arg in args)

            handles.append(module.register_forward_pre_hook(cast))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
