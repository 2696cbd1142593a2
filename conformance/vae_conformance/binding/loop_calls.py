"""The names of what a file differentiates: functions, methods and objects whose result `backward` is called on, whatever they are called.

The loop of a file says which of its functions is the loss in any language: `modele.perte(lot).backward()`. Sums of several calls are
left to `vae_conformance.binding.objective.training_loop`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from typing import cast

Functions = ast.FunctionDef | ast.AsyncFunctionDef
_REDUCING = frozenset({"mean", "sum", "neg", "squeeze", "float", "double", "to", "clone", "view", "reshape"})
"""What changes no loss into another one."""
_DEPTH = 4
"""How many names are followed back at most."""


def differentiated_calls(tree: ast.Module) -> tuple[str, ...]:
    """The last names of the calls that give what `backward` is called on, and the classes of the objects that are called.

    Args:
        tree: a file's statements.
    """
    everywhere = _assigned(tree)
    found: list[str] = []
    for scope in ast.walk(tree):
        if isinstance(scope, ast.Module | Functions):
            here = _assigned(scope)
            for node in _within(scope):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "backward":
                    found += _names(node.func.value, here, everywhere, _DEPTH)
    return tuple(dict.fromkeys(found))


def _within(scope: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a scope, but for those of the functions and classes in it."""
    for node in ast.iter_child_nodes(scope):
        if not isinstance(node, Functions | ast.ClassDef | ast.Lambda):
            yield node
            yield from _within(node)


def _assigned(scope: ast.AST) -> dict[str, list[ast.expr]]:
    """What each name is assigned in a scope, or in a module anywhere; of one that is unpacked, what is unpacked."""
    found: dict[str, list[ast.expr]] = {}
    for node in ast.walk(scope) if isinstance(scope, ast.Module) else _within(scope):
        for target, value in _assignments(node):
            for one in target.elts if isinstance(target, ast.Tuple | ast.List) else [target]:
                if isinstance(one, ast.Name | ast.Attribute):
                    found.setdefault(ast.unparse(one), []).append(value)
    return found


def _assignments(statement: ast.AST) -> Iterator[tuple[ast.expr, ast.expr]]:
    """What a statement assigns, target by target; of a tuple, entry by entry."""
    if isinstance(statement, ast.AugAssign) or (isinstance(statement, ast.AnnAssign) and statement.value is not None):
        yield statement.target, cast("ast.expr", statement.value)
    elif isinstance(statement, ast.Assign):
        for target in statement.targets:
            if isinstance(target, ast.Tuple) and isinstance(statement.value, ast.Tuple):
                yield from zip(target.elts, statement.value.elts, strict=False)
            else:
                yield target, statement.value


def _names(node: ast.expr, here: Mapping[str, list[ast.expr]], everywhere: Mapping[str, list[ast.expr]], depth: int) -> list[str]:
    """The names of the one call that an expression is, or is a part of the result of."""
    node = _bare(node)
    if isinstance(node, ast.Name) and depth:
        return [name for value in here.get(node.id, ()) for name in _names(value, here, everywhere, depth - 1)]
    if not isinstance(node, ast.Call):
        return []
    made = [value.func for value in everywhere.get(ast.unparse(node.func), ()) if isinstance(value, ast.Call)]
    return [ast.unparse(one).rpartition(".")[2] for one in (node.func, *made) if isinstance(one, ast.Name | ast.Attribute)]


def _bare(node: ast.expr) -> ast.expr:
    """An expression without its sign, its scale, its mean and the choice of one of its entries."""
    while True:
        if isinstance(node, ast.UnaryOp):
            node = node.operand
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            node = node.left
        elif isinstance(node, ast.Subscript | ast.Attribute):
            node = node.value
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _REDUCING:
            library = isinstance(node.func.value, ast.Name) and node.func.value.id == "torch"
            if library and not node.args:
                return node
            node = node.args[0] if library else node.func.value
        else:
            return node
