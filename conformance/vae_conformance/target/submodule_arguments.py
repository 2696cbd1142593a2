"""Arguments that name no size: networks of the same file, and records of settings.

Each is an `Ingredient`, made anew for every construction, so that two models never share an encoder.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
import textwrap
import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import FunctionType

from torch import nn

_ENCODER = re.compile(r"enc|infer|recogni|^q(_|$)", re.IGNORECASE)
_DECODER = re.compile(r"dec|generat|^p(_|$)", re.IGNORECASE)
_SETTINGS = re.compile(
    r"^(args?|cfg|config(uration)?|conf|opts?|options?|h_?params?|params?|parameters|settings|flags|hps?|hyper_?parameters|\w+_(config|cfg|args))$",
    re.IGNORECASE,
)

Choose = Callable[[Callable[..., object]], Mapping[str, object]]
"""The arguments for another maker, by the same rules."""
Value = Callable[[str], object]
"""What a name of a size stands for; raises KeyError for a name that says nothing."""


@dataclass(frozen=True)
class Ingredient:
    """An argument that is made anew for each construction, and how it is shown."""

    shown: str
    make: Callable[[], object] = field(repr=False, compare=False)

    def __repr__(self) -> str:
        return self.shown


class Settings(dict[str, object]):
    """Settings that are read as items or as attributes."""

    def __getattr__(self, name: str) -> object:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


def made(value: object) -> object:
    """The value of an argument: an ingredient is made."""
    return value.make() if isinstance(value, Ingredient) else value


def ingredient(maker: Callable[..., object], parameter: inspect.Parameter, choose: Choose, value: Value) -> Ingredient | None:
    """What a parameter without a default and without the name of a size is given; None where nothing says.

    Its annotation may be a class of the file; its name that of a network, of which the file has just one class; and what the class
    reads from it tells a record of settings.
    """
    module = sys.modules.get(getattr(maker, "__module__", ""))
    if module is None:
        return None
    own = [cls for cls in vars(module).values() if inspect.isclass(cls) and cls.__module__ == module.__name__]
    if (kind := _annotated(maker, parameter)) in own and kind is not None:
        return of_class(kind, choose(kind))
    if (kind := _network(parameter.name, [cls for cls in own if issubclass(cls, nn.Module) and cls is not maker])) is not None:
        return of_class(kind, choose(kind))
    if _SETTINGS.match(parameter.name) and (found := _settings(maker, parameter.name, value)) is not None:
        return found
    return None


def _annotated(maker: Callable[..., object], parameter: inspect.Parameter) -> type | None:
    try:
        hints = typing.get_type_hints(maker.__init__ if inspect.isclass(maker) else maker)
    except Exception:  # noqa: BLE001  whatever an annotation does when it is evaluated, it then says nothing
        return None
    kind = hints.get(parameter.name)
    return kind if inspect.isclass(kind) else None


def _network(name: str, own: list[type]) -> type | None:
    for pattern in (_ENCODER, _DECODER):
        named = [cls for cls in own if pattern.search(cls.__name__) and not _is_whole(cls)]
        if pattern.search(name) and len(named) == 1:
            return named[0]
    return None


def _is_whole(cls: type) -> bool:
    """An autoencoder's name holds both of its networks' names."""
    return bool(re.search(r"vae|auto_?enc", cls.__name__, re.IGNORECASE))


def of_class(cls: type, arguments: Mapping[str, object]) -> Ingredient:
    """An instance of a class, made with these arguments."""
    shown = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
    return Ingredient(f"{cls.__name__}({shown})", lambda: cls(**{name: made(value) for name, value in arguments.items()}))


def _settings(maker: Callable[..., object], name: str, value: Value) -> Ingredient | None:
    """A record with the entries that the class reads from it, None where it reads none."""
    keys = dict.fromkeys(_keys_read(maker, name))
    if not keys:
        return None
    try:
        entries = {key: value(key) for key in keys}
    except KeyError:
        return None
    shown = ", ".join(f"{key}={entry!r}" for key, entry in entries.items())
    return Ingredient(f"settings({shown})", lambda: Settings(entries))


def _keys_read(maker: Callable[..., object], name: str) -> Iterator[str]:
    """The names that the methods read from a parameter or from the attribute of its name: `args.x`, `self.args.x`, `config["x"]`."""
    for tree in _sources(maker):
        for node in ast.walk(tree):
            inner = node.value if isinstance(node, ast.Attribute | ast.Subscript) else None
            here = (isinstance(inner, ast.Name) and inner.id == name) or (
                isinstance(inner, ast.Attribute) and inner.attr == name and isinstance(inner.value, ast.Name) and inner.value.id == "self"
            )
            if not here:
                continue
            if isinstance(node, ast.Attribute) and node.attr not in dir(dict):
                yield node.attr
            elif isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str):
                yield node.slice.value


def _sources(maker: Callable[..., object]) -> Iterator[ast.Module]:
    """The syntax trees of a factory, or of a class's own functions."""
    functions = [maker]
    if inspect.isclass(maker):
        functions = [value for base in maker.__mro__ if base.__module__ == maker.__module__ for value in vars(base).values()]
    for function in functions:
        if isinstance(function, FunctionType):
            try:
                yield ast.parse(textwrap.dedent(inspect.getsource(function)))
            except (OSError, SyntaxError, TypeError):
                continue
