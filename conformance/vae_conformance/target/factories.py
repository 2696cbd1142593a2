"""Functions of a file that build its model: for a class whose arguments nobody else gives."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterator
from types import ModuleType

from vae_conformance.target.source_code import source_pieces


def factories_of(cls: type, module: ModuleType) -> list[Callable[..., object]]:
    """The functions at the top of a module that return an object of a class, in their order.

    A function counts where all that it returns is a call of the class, or a name that it gave such a call.
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
    """Whether a function returns what a name calls, and nothing else."""
    inside = list(_own_nodes(function))
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
    """Whether it is a call of the name; a model that is moved to a device on the way is one too."""
    while isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.func.attr in ("to", "cuda", "cpu", "float"):
        value = value.func.value
    return isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == name


def _own_nodes(function: ast.FunctionDef) -> Iterator[ast.AST]:
    """The nodes of a function but for those of functions and classes inside."""
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop(0)
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            waiting += ast.iter_child_nodes(node)
