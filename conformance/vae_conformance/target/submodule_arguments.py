"""Constructor arguments that are not sizes: networks of the same file, and settings objects.

Each is an `Ingredient`, created anew for every construction, so that two models never share an encoder.
"""

from __future__ import annotations

import ast
import dataclasses
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
_CONFIGURATION = re.compile(r"conf|settings|options|param|args", re.IGNORECASE)
"""Names of classes that hold settings."""
_SIZE = re.compile(r"size|dim|layer|channel|hidden|unit|width|depth", re.IGNORECASE)
_SETTINGS = re.compile(
    r"^(args?|cfg|config(uration)?|conf|opts?|options?|h_?params?|params?|parameters|settings|flags|hps?|hyper_?parameters|\w+_(config|cfg|args))$",
    re.IGNORECASE,
)

Choose = Callable[[Callable[..., object]], Mapping[str, object]]
"""Chooses the arguments of another class or factory by the same rules."""
Value = Callable[[str], object]
"""Returns the value for a parameter name; raises KeyError if the name is not recognised."""


@dataclass(frozen=True)
class Ingredient:
    """An argument that is created anew for each construction.

    Attributes:
        shown: its text in messages.
        make: creates it.
        entries: the entries of a settings object; None for any other argument.
    """

    shown: str
    make: Callable[[], object] = field(repr=False, compare=False)
    entries: dict[str, object] | None = field(default=None, repr=False, compare=False)

    def __repr__(self) -> str:
        return self.shown


class Settings(dict[str, object]):
    """Settings that can be read as items or as attributes."""

    def __getattr__(self, name: str) -> object:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


def is_settings(name: str) -> bool:
    """Return whether a parameter's name is that of a settings object: `args`, `config`, `hparams` and the like."""
    return _SETTINGS.match(name) is not None


def holds_settings(cls: type) -> bool:
    """Return whether a class is a dataclass, or has the name of one that holds settings."""
    return dataclasses.is_dataclass(cls) or (_CONFIGURATION.search(cls.__name__) is not None and not issubclass(cls, nn.Module))


def settings_of(entries: Mapping[str, object]) -> Ingredient:
    """Return an `Ingredient` that makes a settings object with these entries."""
    shown = ", ".join(f"{key}={entry!r}" for key, entry in entries.items())
    return Ingredient(f"settings({shown})", lambda: Settings(entries), dict(entries))


def entries_of(value: object) -> object:
    """Return the entries of a settings object, and any other value as it is; nothing is created."""
    return value.entries if isinstance(value, Ingredient) and value.entries is not None else value


def made(value: object) -> object:
    """Return the value of an argument, creating it if it is an `Ingredient`."""
    return value.make() if isinstance(value, Ingredient) else value


def ingredient(maker: Callable[..., object], parameter: inspect.Parameter, choose: Choose, value: Value) -> Ingredient | None:
    """Return the argument for a required parameter whose name means no size; None if it cannot be determined.

    It is an instance of a class of the file that the annotation names, or of the file's only class of networks that the parameter's
    name means, or of its only class of settings, or a settings object with the entries that the class reads from it.
    """
    module = sys.modules.get(getattr(maker, "__module__", ""))
    if module is None:
        return None
    own = [cls for cls in vars(module).values() if inspect.isclass(cls) and cls.__module__ == module.__name__]
    kind = _annotated(maker, parameter)
    if kind not in own:
        kind = _network(parameter.name, [cls for cls in own if issubclass(cls, nn.Module) and cls is not maker])
    if kind is not None:
        return of_class(kind, choose(kind))
    if not is_settings(parameter.name):
        return None
    configurations = [cls for cls in own if _CONFIGURATION.search(cls.__name__) and _needs_nothing(cls)]
    return of_class(configurations[0], {}) if len(configurations) == 1 else _settings(maker, parameter.name, value)


def _needs_nothing(cls: type) -> bool:
    """Return whether a class that is no network is constructed without arguments."""
    try:
        required = [one for one in inspect.signature(cls).parameters.values() if one.default is one.empty and one.kind <= one.KEYWORD_ONLY]
    except (TypeError, ValueError):
        return False
    return not issubclass(cls, nn.Module) and not [one for one in required if one.kind is not one.VAR_POSITIONAL]


def _annotated(maker: Callable[..., object], parameter: inspect.Parameter) -> type | None:
    try:
        hints = typing.get_type_hints(maker.__init__ if inspect.isclass(maker) else maker)
    except Exception:  # noqa: BLE001  an annotation that cannot be evaluated for any reason is ignored
        return None
    kind = hints.get(parameter.name)
    return kind if inspect.isclass(kind) else None


def _network(name: str, own: list[type]) -> type | None:
    if _SIZE.search(name):
        return None
    for pattern in (_ENCODER, _DECODER):
        named = [cls for cls in own if pattern.search(cls.__name__) and not _is_whole(cls)]
        if pattern.search(name) and len(named) == 1:
            return named[0]
    return None


def _is_whole(cls: type) -> bool:
    """Return whether the name is that of a whole autoencoder, which may contain `enc` or `dec` as well."""
    return bool(re.search(r"vae|auto_?enc", cls.__name__, re.IGNORECASE))


def of_class(cls: type, arguments: Mapping[str, object]) -> Ingredient:
    """Return an `Ingredient` that constructs a class with these arguments; that of a dataclass has its fields for entries."""
    shown = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
    entries = {**_defaults(cls), **arguments} if dataclasses.is_dataclass(cls) else None
    return Ingredient(f"{cls.__name__}({shown})", lambda: cls(**{name: made(value) for name, value in arguments.items()}), entries)


def _defaults(cls: type) -> dict[str, object]:
    """Return the defaults of a dataclass's fields, without those that a function makes."""
    found: dict[str, object] = {}
    for one in dataclasses.fields(cls):
        if one.default is not dataclasses.MISSING:
            found[one.name] = one.default
        elif inspect.isclass(one.default_factory) and dataclasses.is_dataclass(one.default_factory):
            found[one.name] = of_class(one.default_factory, {})
    return found


def _settings(maker: Callable[..., object], name: str, value: Value) -> Ingredient | None:
    """Return settings with the entries that the class reads from them, None if it reads none."""
    keys = dict.fromkeys(_keys_read(maker, name))
    if not keys:
        return None
    try:
        entries = {key: value(key) for key in keys}
    except KeyError:
        return None
    return settings_of(entries)


def _keys_read(maker: Callable[..., object], name: str) -> Iterator[str]:
    """Yield the keys that the methods read from a parameter or the attribute of its name: `args.x`, `self.args.x`, `config["x"]`."""
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
    """Yield the syntax trees of a factory, or of a class's methods."""
    functions = [maker]
    if inspect.isclass(maker):
        functions = [value for base in maker.__mro__ if base.__module__ == maker.__module__ for value in vars(base).values()]
    for function in functions:
        if isinstance(function, FunctionType):
            try:
                yield ast.parse(textwrap.dedent(inspect.getsource(function)))
            except (OSError, SyntaxError, TypeError):
                continue
