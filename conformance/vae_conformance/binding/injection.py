"""Handing a running model values in the places of its own: what its encoder gave, what its decoder gave, what it keeps as attributes.

So a loss that runs the whole model itself, as `forward(x) -> loss`, can be asked about any output and any posterior, as a loss function is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from vae_conformance.binding.distributions import with_pair, with_raw
from vae_conformance.binding.interface import CodeForm
from vae_conformance.binding.layout import Path, at, leaves, rebuilt
from vae_conformance.binding.remaking import posterior_object
from vae_conformance.target.adapter import part_of, resolve
from vae_spec.subject import Raw


@dataclass(frozen=True)
class CodeDoor:
    """A part whose result holds the posterior: the encoder, or the two layers at its end.

    Attributes:
        part: its dotted name.
        template: what it gave once.
        form: where that holds mu and the second head; a path of a layer alone holds one of the two.
    """

    part: str
    template: Any
    form: CodeForm

    def value(self, mu: Tensor, second: Tensor, z: Tensor | None) -> Any:
        """A result that holds these instead."""
        if self.form.posterior is not None:
            template = at(self.template, self.form.posterior)
            return rebuilt(self.template, {self.form.posterior: with_pair(template, mu, second)})
        if (holder := posterior_object(self.template, self.form.mu, self.form.second)) is not None:
            return rebuilt(self.template, {holder.path: holder.of(mu, second)})
        values: dict[Path, Any] = {self.form.mu: mu, self.form.second: second}
        code = at(self.template, self.form.mu)
        for path, leaf in leaves(self.template):
            # What else has a code's shape is the sample.
            if path not in values and isinstance(leaf, Tensor) and leaf.shape == code.shape:
                values[path] = mu if z is None else z
        return rebuilt(self.template, values)


@dataclass(frozen=True)
class Injection:
    """The places where a model is handed a posterior and an output.

    Attributes:
        code: the part that gives both heads.
        layers: layers that give one of the two, by dotted name: "mu" or "second".
        halves: the layer that gives both, side by side.
        attributes: attributes that hold one of the two, by dotted name.
        decode: the part that gives the output, and what it gave once.
        result: changes what forward returned, for an output, mu and the second head.
    """

    code: CodeDoor | None = None
    layers: Mapping[str, str] = field(default_factory=dict)
    halves: str | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)
    decode: tuple[str, Any] | None = None
    result: Callable[[Any, Raw, Tensor, Tensor], Any] | None = None

    @property
    def takes_code(self) -> bool:
        """Whether a posterior can be handed in."""
        return self.code is not None or bool(self.layers) or self.halves is not None

    @property
    def places(self) -> str:
        """The parts that a posterior is handed in at, for the report."""
        if self.code is not None:
            return self.code.part
        return self.halves if self.halves is not None else " and ".join(sorted(self.layers, key=lambda name: self.layers[name]))

    @contextmanager
    def keeping(self, model: Any, mu: Tensor, second: Tensor) -> Iterator[None]:
        """The attributes hold the posterior inside the block."""
        before = {name: part_of(model, name) for name in self.attributes}
        for name, role in self.attributes.items():
            setattr(*resolve(model, name), mu if role == "mu" else second)
        try:
            yield
        finally:
            for name, value in before.items():
                setattr(*resolve(model, name), value)

    @contextmanager
    def given(self, model: Any, raw: Raw | None, mu: Tensor, second: Tensor, z: Tensor | None = None) -> Iterator[None]:
        """The model's parts give these inside the block."""
        with ExitStack() as stack:
            stack.enter_context(casting(model))
            if self.code is not None:
                value = self.code.value(mu, second, z)
                stack.enter_context(replaced(model, self.code.part, partial(_same, value)))
            for name, role in self.layers.items():
                stack.enter_context(replaced(model, name, partial(_same, mu if role == "mu" else second)))
            if self.halves is not None:
                both = torch.cat([mu, second], dim=1)
                stack.enter_context(replaced(model, self.halves, partial(_same, both)))
            if self.decode is not None and raw is not None:
                part, template = self.decode
                output = decoded_as(template, raw)
                stack.enter_context(answering(model, part, lambda _own, *codes: _for_codes(output, codes, mu)))
            if self.result is not None and raw is not None:
                change = self.result
                stack.enter_context(answering(model, "forward", lambda own, *given: change(own(*_as_held(model, given)), raw, mu, second)))
            yield


def _same(value: Any) -> Any:
    return value


def _for_codes(output: Any, codes: tuple[Any, ...], mu: Tensor) -> Any:
    """An output for each of several draws of one batch, where the decoder is given such: along new dimensions, or one after another."""
    code = codes[0] if codes else None
    if not isinstance(output, Tensor) or not isinstance(code, Tensor):
        return output
    if code.dim() > mu.dim() and code.shape[-mu.dim()] == len(output):
        return output.expand(*code.shape[: -mu.dim()], *output.shape)
    if code.dim() == mu.dim() and len(code) > len(output) and len(code) % len(output) == 0:
        return output.repeat(len(code) // len(output), *(1 for _ in output.shape[1:]))
    return output


def _as_held(model: Any, given: tuple[Any, ...]) -> tuple[Any, ...]:
    """Arguments at the model's own precision: losses are asked in double precision."""
    own = next((value.dtype for value in model.parameters()), None) if isinstance(model, nn.Module) else None
    return tuple(one.to(own) if own is not None and isinstance(one, Tensor) and one.is_floating_point() else one for one in given)


def decoded_as(template: Any, raw: Raw) -> Any:
    """What a decoder would have returned: a tensor, a tuple of them, or a distribution."""
    if isinstance(template, torch.distributions.Distribution):
        return with_raw(template, raw)
    return raw[0] if len(raw) == 1 else raw


def replaced(model: Any, part: str, give: Callable[[], Any]) -> AbstractContextManager[None]:
    """A part gives something else inside the block, and does not run."""
    return answering(model, part, lambda _own, *_args: give())


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
