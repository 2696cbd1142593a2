"""Find how a file constructs its own class: the call and its argument values, evaluated without running anything."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from types import ModuleType

import torch

from vae_conformance.target.command_line import command_line
from vae_conformance.target.parameter_names import role_of
from vae_conformance.target.source_code import source_pieces
from vae_conformance.target.static_eval import Reader, Scope, Unknown, assignments
from vae_conformance.target.submodule_arguments import Ingredient, entries_of, is_settings

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


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


@dataclass(frozen=True)
class _Site:
    """A call and its context. `rank` is its priority, lowest first: 0 at module level, 1 in functions, 2 in tests."""

    node: ast.Call
    place: str
    scope: Scope
    rank: int


def own_call(maker: Callable[..., object], module: ModuleType, network: Callable[[type, OwnCall], Ingredient]) -> OwnCall | None:
    """Return the most informative call of `maker` in its module: the first complete one, else the one with the most known values.

    `network` converts a call of another class of the module to an argument.
    """
    called = getattr(maker, "__name__", "")
    pieces = source_pieces(module)
    if not pieces:
        return None
    scopes = _scopes(pieces)
    plain = Reader(module, {}, lambda cls, node, scope: network(cls, _read(cls, node, "", scope, plain)))
    flags = command_line(pieces, lambda node: plain.value(node, scopes[-1]))
    reader = Reader(module, flags, lambda cls, node, scope: network(cls, _read(cls, node, "", scope, reader)))
    sites = sorted(_sites(pieces, scopes, called), key=lambda site: site.rank)
    calls = [_read(maker, site.node, site.place, site.scope, reader) for site in sites]
    best = max(calls, key=lambda call: (call.whole, not call.unread, len(call.given)), default=None)
    return best if best is not None and (best.whole or best.given) else None


def file_entries(module: ModuleType) -> dict[str, object]:
    """Return the values that a file gives by name: its command line's, and the entries of dicts and calls that are its settings."""
    pieces = source_pieces(module)
    if not pieces:
        return {}
    scopes = _scopes(pieces)
    reader = Reader(module, {}, _no_network)
    found: dict[str, object] = {}
    for (_, tree), scope in zip(pieces, scopes, strict=True):
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign) and any(isinstance(one, ast.Name) and is_settings(one.id) for one in node.targets):
                for name, value in _entries(node.value):
                    with suppress(Unknown):
                        found[name] = reader.value(value, scope)
    return command_line(pieces, lambda node: reader.value(node, scopes[-1])) | found


def _scopes(pieces: Sequence[tuple[str, ast.Module]]) -> list[Scope]:
    """Return the scope of the file, or of each cell, which sees those of the cells before it."""
    scopes: list[Scope] = []
    for _, tree in pieces:
        scopes.append(Scope(assignments(tree.body), scopes[-1] if scopes else None, {}))
    return scopes


def _entries(value: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    """Yield the entries of a dict literal, or the keywords of a call: `{"z_dim": 8}`, `dict(z_dim=8)`, `Namespace(z_dim=8)`."""
    if isinstance(value, ast.Dict):
        for key, entry in zip(value.keys, value.values, strict=True):
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                yield key.value, entry
    elif isinstance(value, ast.Call):
        yield from ((word.arg, word.value) for word in value.keywords if word.arg)


def _no_network(_cls: type, _node: ast.Call, _scope: Scope) -> Ingredient:
    raise Unknown


def _read(maker: Callable[..., object], node: ast.Call, place: str, scope: Scope, reader: Reader) -> OwnCall:
    """Evaluate the arguments of one call."""
    try:
        signature = inspect.signature(maker)
    except (TypeError, ValueError):
        return OwnCall(place, {}, False)
    parameters = signature.parameters.values()
    names = [one.name for one in parameters if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]
    written = dict(zip(names, node.args, strict=False)) | {one.arg: one.value for one in node.keywords if one.arg is not None}
    given: dict[str, object] = {}
    unread: list[str] = []
    if any(isinstance(one, ast.Starred) for one in node.args):
        return OwnCall(place, {}, False)
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
    fits = len(node.args) <= len(names) and set(written) | set(given) <= set(signature.parameters)
    return OwnCall(place, given if fits else {}, fits and needed <= set(given), tuple(unread))


def _sites(pieces: Sequence[tuple[str, ast.Module]], scopes: Sequence[Scope], called: str) -> Iterator[_Site]:
    for (place, tree), scope in zip(pieces, scopes, strict=True):
        yield from _sites_in(tree, called, place, scope, 0)


def _sites_in(node: ast.AST, called: str, place: str, scope: Scope, rank: int) -> Iterator[_Site]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef) and child.name == called:
            continue
        if isinstance(child, _FUNCTIONS):
            inner = Scope(assignments(child.body), scope, _defaults(child), local=True)
            yield from _sites_in(child, called, place, inner, 2 if child.name.startswith("test") or rank == 2 else 1)
            continue
        if isinstance(child, ast.Call) and isinstance(child.func, ast.Name) and child.func.id == called:
            yield _Site(child, f"{place} {child.lineno}", replace(scope, line=child.lineno), rank)
        yield from _sites_in(child, called, place, scope, rank)


def _defaults(function: ast.FunctionDef | ast.AsyncFunctionDef) -> dict[str, ast.expr | None]:
    """Return the parameters of a function with their defaults, None for those without."""
    given = function.args
    positional = [*given.posonlyargs, *given.args]
    padded: list[ast.expr | None] = [*[None] * (len(positional) - len(given.defaults)), *given.defaults, *given.kw_defaults]
    return {one.arg: value for one, value in zip([*positional, *given.kwonlyargs], padded, strict=True)}
