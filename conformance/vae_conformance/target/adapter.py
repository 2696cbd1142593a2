"""An adapter around a model: parts from its `Implementation` record under the native interface's names, everything else from the model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from inspect import Parameter, Signature
from operator import attrgetter
from typing import Any

from torch import nn

from vae_conformance.errors import Unbound
from vae_conformance.implementation import PARTS, Implementation

METHODS = {"encode": "encode", "sample": "reparameterize", "decode": "decode", "forward": "forward", "loss": "loss"}
"""The native interface's name of each part."""
_TOGETHER = frozenset({"encode", "sample", "decode"})


class Adapter(nn.Module):
    """A wrapper around a model that shares the model's parameters, buffers and submodules under their own names.

    Attributes:
        inner: the object that `build` returned; the record's functions take it as their first argument.
        holder: the module that holds its networks: `inner` itself if it is an nn.Module.
        given: the names of the methods that the record supplies.
    """

    given: frozenset[str] = frozenset()

    def __init__(self, inner: Any) -> None:
        super().__init__()
        holder = inner if isinstance(inner, nn.Module) else _holder(inner)
        attributes: dict[str, Any] = {"inner": inner, "holder": holder, "training": holder.training}
        # The same dictionary objects, so that moving, loading or replacing a parameter affects both.
        attributes |= {name: getattr(holder, name) for name in ("_parameters", "_buffers", "_modules", "_non_persistent_buffers_set")}
        for name, value in attributes.items():
            object.__setattr__(self, name, value)

    def __getattr__(self, name: str) -> Any:
        """Return the inner model's attribute if the adapter has none of that name."""
        try:
            return super().__getattr__(name)
        except AttributeError:
            if name.startswith("__"):
                raise
            return getattr(self.inner, name)

    def train(self, mode: bool = True) -> Adapter:
        """Set the training mode of the adapter and the model."""
        self.holder.train(mode)
        object.__setattr__(self, "training", mode)
        return self

    def state_dict(self, *args: Any, **kwargs: Any) -> Any:
        """Return the model's own state dict."""
        return self.holder.state_dict(*args, **kwargs)

    def load_state_dict(self, *args: Any, **kwargs: Any) -> Any:
        """Load a state dict into the model."""
        return self.holder.load_state_dict(*args, **kwargs)

    def _apply(self, fn: Callable[..., Any], recurse: bool = True) -> Adapter:
        self.holder._apply(fn, recurse)  # noqa: SLF001  `to`, `cuda` and `float` are implemented by it
        return self


def adapted(record: Implementation, inner: Any) -> Any:
    """Wrap the model in an adapter if the record supplies functions; otherwise return it unchanged.

    Raises:
        Unbound: the model holds no networks.
    """
    parts = record.parts
    if not parts:
        return inner
    arguments = {part: names[1:] for part, names in PARTS.items()}
    arguments["loss"] += record.loss_keywords
    methods: dict[str, Any] = {METHODS[part]: _method(given, arguments[part]) for part, given in parts.items()}
    given = frozenset(methods)
    if "forward" not in parts and not _TOGETHER & parts.keys() and has_forward(inner):
        methods["forward"] = _method(lambda model, x: model(x), ("x",), own=type(inner).forward)
    return type(type(inner).__name__, (Adapter,), methods | {"given": given, "__module__": __name__})(inner)


def inner_of(model: Any) -> Any:
    """Return the model inside an adapter, or the model itself if it has none."""
    return model.inner if isinstance(model, Adapter) else model


def home_of(model: Any, name: str) -> Any:
    """Return the object that has a model's part as an attribute: the inner model, unless the record supplies the part."""
    return model.inner if isinstance(model, Adapter) and name not in model.given else model


def resolve(model: Any, dotted: str) -> tuple[Any, str]:
    """Return the object that holds a part such as `encoder.fc_mu`, and the part's attribute name in it."""
    owner, _, name = dotted.rpartition(".")
    return home_of(part_of(model, owner) if owner else model, name), name


def part_of(model: Any, dotted: str) -> Any:
    """Return a part by its dotted name."""
    return attrgetter(dotted)(model)


def settled(model: Any, names: tuple[str, ...]) -> str | None:
    """Return the first of these names that the record supplies, which rules out the others; None if it supplies none."""
    given = model.given if isinstance(model, Adapter) else frozenset()
    return next((name for name in names if name in given), None)


def _method(part: Callable[..., Any], names: tuple[str, ...], own: object = None) -> Callable[..., Any]:
    """Create a method that calls the record's function, with the native interface's signature; `__wrapped__` leads to its source."""

    def method(self: Adapter, *args: Any, **kwargs: Any) -> Any:
        return part(self.inner, *args, **kwargs)

    kind = Parameter.POSITIONAL_OR_KEYWORD
    plain = [Parameter(name, kind) for name in ("self", *names) if name != "beta"]
    weight = [Parameter("beta", kind, default=1.0)] if "beta" in names else []
    method.__wrapped__ = part if own is None else own  # type: ignore[attr-defined]
    method.__signature__ = Signature([*plain, *weight])  # type: ignore[attr-defined]
    return method


def has_forward(model: object) -> bool:
    """Return whether an object is an nn.Module whose class defines a forward."""
    return isinstance(model, nn.Module) and type(model).forward is not nn.Module.forward


def _holder(inner: Any) -> nn.Module:
    """Create a module that holds the networks of an object that is not an nn.Module."""
    if isinstance(inner, Mapping):
        named = {str(name): value for name, value in inner.items()}
    elif isinstance(inner, tuple | list):
        named = {str(index): value for index, value in enumerate(inner)}
    else:
        named = dict(getattr(inner, "__dict__", {}))
    networks = {name: value for name, value in named.items() if isinstance(value, nn.Module)}
    if not networks:
        raise Unbound(
            f"build gives an object of {type(inner).__name__}, which holds no networks",
            "return the model, or its networks in a tuple, in a dict or in attributes",
        )
    holder = nn.Module()
    for name, network in networks.items():
        holder.add_module(name, network)
    return holder
