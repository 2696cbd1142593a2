"""The names in a training loop's statements: what they read and assign, what stands for the model, and what weighs the KL."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import cast

from vae_conformance.binding.loss_arguments import is_weight

RETURNED, ENCODED, DECODED = "__returned__", "__encoded__", "__decoded__"
"""The names that stand for what the model, its encoder and its decoder give."""

SOURCES = frozenset({RETURNED, ENCODED, DECODED})

_SCHEDULE = re.compile(r"^(beta|kld?_?(weight|coeff?|beta|lambda|anneal|factor|scale)|anneal|warm_?up)", re.IGNORECASE)

Functions = ast.FunctionDef | ast.AsyncFunctionDef


def names_in(node: ast.AST, *, stored: bool = False) -> set[str]:
    """The names that an expression reads, or that a statement assigns."""
    kind = ast.Store if stored else ast.Load
    bound = {one.arg for inner in ast.walk(node) if isinstance(inner, ast.Lambda) for one in inner.args.args}
    bound |= {
        name.id
        for inner in ast.walk(node)
        if isinstance(inner, ast.comprehension)
        for name in ast.walk(inner.target)
        if isinstance(name, ast.Name)
    }
    found = {one.id for one in ast.walk(node) if isinstance(one, ast.Name) and isinstance(one.ctx, kind)}
    return found - bound


def base(node: ast.expr) -> str | None:
    """The name that a chain of methods and attributes begins with; None for any other expression."""
    while isinstance(node, ast.Attribute | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else None


def holder(node: ast.expr) -> str | None:
    """The name that a chain of attributes begins with; None for an attribute of anything else."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None


def parameters(function: Functions) -> set[str]:
    """The names of a function's parameters."""
    given = function.args
    return {one.arg for one in (*given.posonlyargs, *given.args, *given.kwonlyargs)}


def defaults(function: Functions) -> dict[str, ast.expr]:
    """What the parameters of a function are where nobody gives them."""
    given = function.args
    positional = [*given.posonlyargs, *given.args]
    found = dict(zip([one.arg for one in reversed(positional)], reversed(given.defaults), strict=False))
    return found | {one.arg: value for one, value in zip(given.kwonlyargs, given.kw_defaults, strict=True) if value is not None}


def attributes(kind: ast.ClassDef) -> dict[str, ast.expr]:
    """What the methods of a class assign to `self`, once each: the expression, or the default of the parameter that it is."""
    found: dict[str, list[ast.expr]] = {}
    for method in (one for one in kind.body if isinstance(one, Functions)):
        usual = defaults(method)
        for statement in ast.walk(method):
            for target, value in assignments(statement):
                if isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name) and target.value.id == "self":
                    found.setdefault(target.attr, []).append(usual.get(value.id, value) if isinstance(value, ast.Name) else value)
    return {name: values[0] for name, values in found.items() if len(values) == 1}


def assignments(statement: ast.AST) -> Iterator[tuple[ast.expr, ast.expr]]:
    """What a statement assigns, target by target; of a tuple, entry by entry."""
    if isinstance(statement, ast.AugAssign) or (isinstance(statement, ast.AnnAssign) and statement.value is not None):
        yield statement.target, cast("ast.expr", statement.value)
    elif isinstance(statement, ast.Assign):
        for target in statement.targets:
            if isinstance(target, ast.Tuple) and isinstance(statement.value, ast.Tuple):
                yield from zip(target.elts, statement.value.elts, strict=False)
            else:
                yield target, statement.value


@dataclass
class Given(ast.NodeTransformer):
    """Replaces the calls of the model by the names of what they give, and notes what they are handed.

    A weight of the KL that only the loop's trainer, its arguments or a schedule knows becomes a name of its own, where weights are given.

    Attributes:
        source_of: the name of what a call gives; None for a call of anything but the model.
        is_loose: whether nothing but the loop says what a name stands for; None where weights are not given.
        kept: what `self` keeps that is no model, by attribute.
        assigned: the names that the loop assigns.
        sources: the names of what the model gives that were found.
        handed: the names that the model was handed.
        weights: the names that became weights of the KL.
    """

    source_of: Callable[[ast.expr], str | None]
    is_loose: Callable[[str], bool] | None
    kept: Mapping[str, ast.expr]
    assigned: frozenset[str]
    sources: set[str] = field(default_factory=set)
    handed: set[str] = field(default_factory=set)
    weights: set[str] = field(default_factory=set)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """A call of the model is the name of what it gives."""
        source = self.source_of(node.func)
        if source is None:
            return self._schedule(node, node.func, [*node.args, *(one.value for one in node.keywords)])
        self.sources.add(source)
        if source != DECODED and node.args and (name := base(node.args[0])) is not None:
            self.handed.add(name)
        return ast.copy_location(ast.Name(source, ast.Load()), node)

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        """An entry of a schedule is the weight."""
        return self.generic_visit(node) if isinstance(node.slice, ast.Constant) else self._schedule(node, node.value, [node.slice])

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        """A weight that is kept somewhere is the weight; what `self` keeps is what it is."""
        name = holder(node)
        if self.is_loose is not None and name is not None and is_weight(node.attr) and self.is_loose(name):
            return self._weight(node.attr, node)
        if node.attr in self.kept and isinstance(node.value, ast.Name) and node.value.id == "self":
            return ast.copy_location(deepcopy(self.kept[node.attr]), node)
        return self.generic_visit(node)

    def _schedule(self, node: ast.expr, of: ast.expr, at: Iterable[ast.expr]) -> ast.AST:
        """A call or an entry of a schedule of the weight, at what the loop counts, is the weight."""
        name = ast.unparse(of).rpartition(".")[2]
        read = {one for expression in at for one in names_in(expression)}
        counted = read and not read & self.assigned and not {holder(of)} & self.assigned
        if self.is_loose is None or not counted or not name.isidentifier() or not _SCHEDULE.search(name):
            return self.generic_visit(node)
        return self._weight(name, node) if any(self.is_loose(one) for one in read) else self.generic_visit(node)

    def _weight(self, name: str, node: ast.expr) -> ast.AST:
        self.weights.add(name)
        return ast.copy_location(ast.Name(name, ast.Load()), node)
