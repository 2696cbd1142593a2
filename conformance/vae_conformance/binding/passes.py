"""How one pass over a batch is run: by calling the model, by watching its parts while it runs, or by putting its parts together."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from vae_conformance.binding.injection import answering
from vae_conformance.binding.layout import CodeForm, same
from vae_conformance.binding.watching import watch
from vae_conformance.target.adapter import inner_of, part_of

RETURNED = "returned"
Draw = Callable[[Any, Tensor, Tensor], Tensor]


def has_forward(model: Any) -> bool:
    """Whether calling the model runs something of its own."""
    if isinstance(model, nn.Module):
        return type(model).forward is not nn.Module.forward or "forward" in vars(model)
    return callable(model) or callable(getattr(model, "forward", None))


def forward_of(model: Any) -> Callable[..., Any]:
    """The code of a model's pass, where people are sent to whatever stands inline in it."""
    own: Callable[..., Any] = type(model).forward if hasattr(type(model), "forward") else type(model).__call__
    return own


def call_forward(model: Any, x: Any) -> Any:
    """The model's own forward pass."""
    return model(x) if callable(model) else model.forward(x)


@dataclass(frozen=True)
class Composition:
    """A pass put together from the parts of a model that has no forward."""

    encode: str
    form: CodeForm
    draw: Draw
    decode: str

    def __call__(self, model: Any, x: Tensor) -> dict[str, Any]:
        """What encode and decode give."""
        encoded = part_of(model, self.encode)(x)
        z = self.draw(model, *self.form.read(encoded))
        return {f"{self.encode}()": encoded, f"{self.decode}()": part_of(model, self.decode)(z)}


@dataclass(frozen=True)
class Joint:
    """One pass: what it gives is what a layout's paths speak of.

    Attributes:
        parts: parts whose results are noted while forward runs, by dotted names; empty for a forward that returns all that is needed.
        composition: stands in for forward.
        followed: runs forward and gives what it returns, as `RETURNED`, with what was computed inside of it by names of roles.
    """

    parts: tuple[str, ...] = ()
    composition: Composition | None = None
    followed: Callable[[Any, Any], dict[str, Any]] | None = None

    @property
    def plain(self) -> bool:
        """Whether forward's own result is all there is."""
        return self.composition is None and not self.parts and self.followed is None

    def __call__(self, model: Any, x: Any) -> Any:
        """Run it: forward's result alone, or a mapping of everything noted."""
        if self.composition is not None:
            return self.composition(model, x)
        if self.plain:
            return call_forward(model, x)
        noted: dict[str, Any] = {}
        with ExitStack() as stack:
            for name in self.parts:
                stack.enter_context(watch(model, name, partial(_note, noted, name)))
            inside = {RETURNED: call_forward(model, x)} if self.followed is None else self.followed(model, x)
        return noted | inside


def _note(noted: dict[str, Any], name: str, _args: tuple[Any, ...], result: Any) -> None:
    noted[f"{name}()"] = result


@dataclass(frozen=True)
class Call:
    """One call of a part inside a pass.

    Attributes:
        name: of the part, dotted.
        arguments: what was passed to it, the first a tensor.
        result: what it gave, in copies.
    """

    name: str
    arguments: tuple[Any, ...]
    result: Any

    def takes(self, value: Tensor) -> bool:
        """Whether its first argument holds these numbers, in whatever shape an item has."""
        first = self.arguments[0]
        return bool(first.dim()) and len(first) == len(value) and same(first.reshape(len(first), -1), value.reshape(len(value), -1))


@contextmanager
def noting_calls(model: Any) -> Iterator[list[Call]]:
    """The calls of the model's own methods and of its submodules inside the block, each where it begins."""
    kinds = [kind for kind in type(inner_of(model)).__mro__ if not kind.__module__.startswith(("torch.", "builtins"))]
    methods = [name for kind in kinds for name, value in vars(kind).items() if inspect.isfunction(value) and not name.startswith("__")]
    modules = [name for name, _module in model.named_modules() if name] if isinstance(model, nn.Module) else []
    made: list[Call] = []

    def noted(name: str, own: Callable[..., Any], *arguments: Any) -> Any:
        first = arguments[0] if arguments else None
        # Inside of vmap and its kin there are no values to be looked at.
        if not isinstance(first, Tensor) or torch._C._functorch.is_functorch_wrapped_tensor(first):  # noqa: SLF001
            return own(*arguments)
        place = len(made)
        made.append(Call(name, _copied(arguments), None))
        result = own(*arguments)
        made[place] = replace(made[place], result=_copied(result))
        return result

    with ExitStack() as stack:
        for name in (*(name for name in dict.fromkeys(methods) if name != "forward"), *modules):
            stack.enter_context(answering(model, name, partial(noted, name)))
        yield made


def _copied(value: Any) -> Any:
    """The same with copies of its tensors: some steps change their arguments in place."""
    if type(value) in (tuple, list):
        return type(value)(_copied(one) for one in value)
    return value.detach().clone() if isinstance(value, Tensor) else value


def stored_tensors(model: Any) -> dict[str, Tensor]:
    """The tensors that a model and its submodules keep as plain attributes, by dotted names."""
    if not isinstance(model, nn.Module):
        return {}
    found: dict[str, Tensor] = {}
    for prefix, module in model.named_modules():
        inner = inner_of(module)
        for name, value in (vars(inner) if hasattr(inner, "__dict__") else {}).items():
            if isinstance(value, Tensor) and not isinstance(value, nn.Parameter):
                found[f"{prefix}.{name}" if prefix else name] = value
    return found


def gaussian(_model: Any, mu: Tensor, logvar: Tensor) -> Tensor:
    """The sampling step where there is none to call."""
    return mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
