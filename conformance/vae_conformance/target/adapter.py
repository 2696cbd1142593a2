"""The adapter that an Implementation record makes of a model: the parts that it gives under their usual names, all else the model's own."""

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
    """A face before a model: its parameters, buffers and submodules are the model's own, under their own names.

    Attributes:
        inner: what `build` gave, which the record's functions are called with.
        holder: the module that holds its networks: itself, where it is one.
        given: the names of the methods that the record gives.
    """

    given: frozenset[str] = frozenset()

    def __init__(self, inner: Any) -> None:
        super().__init__()
        holder = inner if isinstance(inner, nn.Module) else _held(inner)
        attributes: dict[str, Any] = {"inner": inner, "holder": holder, "training": holder.training}
        # The very dictionaries: what moves, loads or replaces a parameter does it for both.
        attributes |= {name: getattr(holder, name) for name in ("_parameters", "_buffers", "_modules", "_non_persistent_buffers_set")}
        for name, value in attributes.items():
            object.__setattr__(self, name, value)

    def __getattr__(self, name: str) -> Any:
        """What the face has not, the model has."""
        try:
            return super().__getattr__(name)
        except AttributeError:
            if name.startswith("__"):
                raise
            return getattr(self.inner, name)

    def train(self, mode: bool = True) -> Adapter:
        """Set the mode of both."""
        self.holder.train(mode)
        object.__setattr__(self, "training", mode)
        return self

    def state_dict(self, *args: Any, **kwargs: Any) -> Any:
        """The model's own."""
        return self.holder.state_dict(*args, **kwargs)

    def load_state_dict(self, *args: Any, **kwargs: Any) -> Any:
        """The model's own."""
        return self.holder.load_state_dict(*args, **kwargs)

    def _apply(self, fn: Callable[..., Any], recurse: bool = True) -> Adapter:
        self.holder._apply(fn, recurse)  # noqa: SLF001  what `to` and its kin come down to
        return self


def adapted(record: Implementation, inner: Any) -> Any:
    """The model as binding is to see it: behind an adapter where the record gives functions, otherwise as it is.

    Raises:
        Unbound: it holds no networks.
    """
    parts = record.parts
    if not parts:
        return inner
    arguments = {part: names[1:] for part, names in PARTS.items()}
    arguments["loss"] += record.loss_keywords
    methods: dict[str, Any] = {METHODS[part]: _method(given, arguments[part]) for part, given in parts.items()}
    given = frozenset(methods)
    if "forward" not in parts and not _TOGETHER & parts.keys() and _runs(inner):
        methods["forward"] = _method(lambda model, x: model(x), ("x",), own=type(inner).forward)
    return type(type(inner).__name__, (Adapter,), methods | {"given": given, "__module__": __name__})(inner)


def inner_of(model: Any) -> Any:
    """What an adapter stands before; the model itself elsewhere."""
    return model.inner if isinstance(model, Adapter) else model


def home_of(model: Any, name: str) -> Any:
    """Where a part of a model is attached: behind its adapter, unless the record gives it."""
    return model.inner if isinstance(model, Adapter) and name not in model.given else model


def resolve(model: Any, dotted: str) -> tuple[Any, str]:
    """The object that holds a part, and the part's name there, for `encoder.fc_mu`."""
    owner, _, name = dotted.rpartition(".")
    return home_of(part_of(model, owner) if owner else model, name), name


def part_of(model: Any, dotted: str) -> Any:
    """A part by its dotted name."""
    return attrgetter(dotted)(model)


def settled(model: Any, names: tuple[str, ...]) -> str | None:
    """Which of these names a record has given, so that no other is to be tried; None where there is none."""
    given = model.given if isinstance(model, Adapter) else frozenset()
    return next((name for name in names if name in given), None)


def _method(part: Callable[..., Any], names: tuple[str, ...], own: object = None) -> Callable[..., Any]:
    """A method that calls the record's function, looks as one of the native interface does, and tells where the author's code stands."""

    def method(self: Adapter, *args: Any, **kwargs: Any) -> Any:
        return part(self.inner, *args, **kwargs)

    kind = Parameter.POSITIONAL_OR_KEYWORD
    plain = [Parameter(name, kind) for name in ("self", *names) if name != "beta"]
    weight = [Parameter("beta", kind, default=1.0)] if "beta" in names else []
    method.__wrapped__ = part if own is None else own  # type: ignore[attr-defined]
    method.__signature__ = Signature([*plain, *weight])  # type: ignore[attr-defined]
    return method


def _runs(model: Any) -> bool:
    return type(model).forward is not nn.Module.forward if isinstance(model, nn.Module) else False


def _held(inner: Any) -> nn.Module:
    """A module that holds the networks of what is none itself."""
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
