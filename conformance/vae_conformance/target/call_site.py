"""Find how a file constructs its own class: the call and its argument values, evaluated without running anything."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import ModuleType

import torch

from vae_conformance.target.command_line import command_line
from vae_conformance.target.parameter_names import role_of
from vae_conformance.target.scopes import Scope, Site, scopes_of, sites_of
from vae_conformance.target.source_code import source_pieces
from vae_conformance.target.static_eval import Reader, Unknown
from vae_conformance.target.submodule_arguments import Ingredient, entries_of, is_settings, made


@dataclass(frozen=True)
class OwnCall:
    """A call of a class or a factory in its own file.

    Attributes:
        place: its location: "line 30", "cell 4, line 2".
        given: the values that could be determined, by parameter name.
        whole: whether all required parameters have a known value.
        unread: the optional parameters whose value in the call could not be determined.
    """

    place: str
    given: Mapping[str, object]
    whole: bool
    unread: tuple[str, ...] = ()


def own_call(maker: Callable[..., object], module: ModuleType, network: Callable[[type, OwnCall], Ingredient]) -> OwnCall | None:
    """Return the most informative call of `maker` in its module: the first complete one, else the one with the most known values.

    `network` converts a call of another class of the module to an argument.
    """
    called = getattr(maker, "__name__", "")
    pieces = source_pieces(module)
    if not pieces:
        return None
    reader, sites = _reader(module, pieces, network)
    own = [site for site in sites if _calls(maker, site, reader) and called not in site.classes]
    calls = [_read(maker, site.node, site.place, site.scope, reader) for site in own]
    best = max(calls, key=lambda call: (call.whole, not call.unread, len(call.given)), default=None)
    return best if best is not None and (best.whole or best.given) else None


def _calls(maker: Callable[..., object], site: Site, reader: Reader) -> bool:
    """Return whether a call is one of `maker`, by its name or as an entry of a known container: `MODELS["mlp"](...)`."""
    if site.key or not isinstance(site.node.func, ast.Subscript):
        return site.key == getattr(maker, "__name__", "")
    try:
        named = reader.value(site.node.func, site.scope)
    except Unknown:
        return False
    return isinstance(named, Ingredient) and named.make() is maker


def values_passed(call: Callable[..., object], module: ModuleType) -> dict[str, object]:
    """Return the numbers, words and settings by parameter name that all calls of a function or a method in its file pass.

    Left out is what cannot be determined, what a name gives that is assigned more than once before, as a warm-up does, and the size of
    the batch.
    """
    pieces, called = source_pieces(module), getattr(call, "__name__", "")
    reader, sites = _reader(module, pieces, _no_network)
    key = f".{called}" if inspect.ismethod(call) else called
    found: list[dict[str, object]] = []
    for site in (one for one in sites if one.key == key):
        written = dict(zip(inspect.signature(call).parameters, site.node.args, strict=False))
        written |= {one.arg: one.value for one in site.node.keywords if one.arg is not None}
        unfit = {name for name, value in written.items() if site.scope.changes(value) or "batch" in ast.unparse(value).lower()}
        given = {name: value for name, value in _read(call, site.node, "", site.scope, reader).given.items() if name not in unfit}
        found.append({name: made(value) for name, value in given.items() if isinstance(entries_of(value), int | float | str | dict)})
    return {name: value for name, value in found[0].items() if all(name in one and one[name] == value for one in found)} if found else {}


def _reader(
    module: ModuleType, pieces: Sequence[tuple[str, ast.Module]], network: Callable[[type, OwnCall], Ingredient]
) -> tuple[Reader, list[Site]]:
    """Return what evaluates the expressions of a file, and the calls in it."""
    if not pieces:
        return Reader(module, {}, _no_network), []
    scopes = scopes_of(pieces)
    plain = Reader(module, {}, lambda cls, node, scope: network(cls, _read(cls, node, "", scope, plain)))
    flags = command_line(pieces, lambda node: plain.value(node, scopes[-1]))
    sites = sites_of(pieces, scopes)
    reader = Reader(module, flags, lambda cls, node, scope: network(cls, _read(cls, node, "", scope, reader)), sites)
    return reader, sites


def file_entries(module: ModuleType) -> dict[str, object]:
    """Return the values that a file gives by name: its command line's, and the entries of dicts and calls that are its settings."""
    pieces = source_pieces(module)
    if not pieces:
        return {}
    scopes = scopes_of(pieces)
    reader = Reader(module, {}, _no_network)
    found: dict[str, object] = {}
    for (_, tree), scope in zip(pieces, scopes, strict=True):
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign) and any(isinstance(one, ast.Name) and is_settings(one.id) for one in node.targets):
                for name, value in _entries(node.value):
                    with suppress(Unknown):
                        found[name] = reader.value(value, scope)
    return command_line(pieces, lambda node: reader.value(node, scopes[-1])) | found


def _entries(value: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    """Yield the entries of a dict literal, or the keywords of a call: `{"z_dim": 8}`, `dict(z_dim=8)`, `Namespace(z_dim=8)`."""
    if isinstance(value, ast.Dict):
        for key, entry in zip(value.keys, value.values, strict=True):
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                yield key.value, entry
    elif isinstance(value, ast.Call):
        yield from ((word.arg, word.value) for word in value.keywords if word.arg)


def _no_network(*_arguments: object) -> Ingredient:
    raise Unknown


def _read(maker: Callable[..., object], node: ast.Call, place: str, scope: Scope, reader: Reader) -> OwnCall:
    """Evaluate the arguments of one call."""
    try:
        signature = inspect.signature(maker)
    except (TypeError, ValueError):
        return OwnCall(place, {}, False)
    parameters = signature.parameters.values()
    names = [one.name for one in parameters if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]
    given: dict[str, object] = {}
    unread: list[str] = []
    passed: list[ast.expr] = list(node.args)
    if any(isinstance(one, ast.Starred) for one in passed):
        try:
            passed = [ast.Constant(value) for value in reader.elements(node.args, scope)]
        except Unknown:
            return OwnCall(place, {}, False)
    written = dict(zip(names, passed, strict=False)) | {one.arg: one.value for one in node.keywords if one.arg is not None}
    for starred in (one.value for one in node.keywords if one.arg is None):
        try:
            entries = entries_of(reader.value(starred, scope))
        except Unknown:
            return OwnCall(place, {}, False)
        if isinstance(entries, dict):
            given |= {str(name): value for name, value in entries.items()}
    for name, value in written.items():
        if name in signature.parameters and role_of(signature.parameters[name]) == "device":
            given[name] = torch.device("cpu")
            continue
        try:
            given[name] = reader.value(value, scope)
        except Unknown:
            unread.append(name)
    needed = {one.name for one in parameters if one.default is one.empty and one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)}
    fits = len(passed) <= len(names) and set(written) | set(given) <= set(signature.parameters)
    return OwnCall(place, given if fits else {}, fits and needed <= set(given), tuple(unread))
