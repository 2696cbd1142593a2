"""Find the functions of a file that build its model, for a class whose constructor arguments are otherwise unknown."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable
from types import ModuleType

from vae_conformance.target.definitions import OWN_SCOPE, walk_outside
from vae_conformance.target.source_code import source_pieces


def factories_of(cls: type, module: ModuleType) -> list[Callable[..., object]]:
    """Return the top-level functions of a module that return an instance of a class, in source order.

    All return statements of such a function must return a call of the class, or a variable assigned from one.
    """
    found: list[Callable[..., object]] = []
    for _label, tree in source_pieces(module):
        for node in tree.body:
            if isinstance(node, ast.FunctionDef) and _returns(node, cls.__name__):
                function = vars(module).get(node.name)
                if inspect.isfunction(function) and function not in found:
                    found.append(function)
    return found


def _returns(function: ast.FunctionDef, name: str) -> bool:
    """Return whether a function only ever returns a call of the named class."""
    inside = list(walk_outside(function.body, OWN_SCOPE))
    built = {
        target.id
        for node in inside
        if isinstance(node, ast.Assign) and _is_call_of(node.value, name)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    given = [node.value for node in inside if isinstance(node, ast.Return)]
    return bool(given) and all(_is_call_of(value, name) or (isinstance(value, ast.Name) and value.id in built) for value in given)


def _is_call_of(value: ast.expr | None, name: str) -> bool:
    """Return whether it is a call of the name, possibly followed by a move to a device or dtype."""
    while isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.func.attr in ("to", "cuda", "cpu", "float"):
        value = value.func.value
    return isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == name
