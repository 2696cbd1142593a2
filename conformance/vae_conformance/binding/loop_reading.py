"""Reading a training loop: the statements between the call of the model and `loss.backward()` that the loss depends on.

They are collected backwards from the name that is differentiated. What has no influence on it is left out; what only the loop has, such as
a counter or a label, ends the reading.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import cast

from vae_conformance.binding.loss_arguments import is_weight

Loops = ast.For | ast.AsyncFor | ast.While
Scopes = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef


class Unreadable(Exception):
    """The loss of a loop depends on what cannot be known before it runs.

    Attributes:
        what: it depends on.
    """

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


@dataclass(frozen=True)
class Lines:
    """The statements that lead from a call of the model to its loss.

    Attributes:
        statements: in their order, the model's calls replaced by the names of what they give.
        loss: the expression that is differentiated.
        batch: names that stand for the batch.
        models: names that stand for the model.
        weights: names of a KL's weight that only the loop has.
        line: the first line of them all.
        last: the line of the call of backward.
        where: the name of the function that the loop stands in; empty for a script.
    """

    statements: tuple[ast.stmt, ...]
    loss: ast.expr
    batch: frozenset[str]
    models: frozenset[str]
    weights: tuple[str, ...]
    line: int
    last: int
    where: str


@dataclass(frozen=True)
class Reader:
    """What is known of the names in a file.

    Attributes:
        source_of: the name of what a call of the model gives, for the expression that is called, whether a name is the scope's own, and
            whether `self` is the model; None for a call of anything else.
        values: the file's names as far as it has run.
        is_library: whether an expression is called that a library has.
        own: the names of the model's classes.
    """

    source_of: Callable[[ast.expr, bool, bool], str | None]
    values: Mapping[str, object]
    is_library: Callable[[ast.expr], bool]
    own: frozenset[str]

    def losses(self, tree: ast.Module) -> Iterator[Lines | Unreadable]:
        """What each `.backward()` in the file is called on, as far as it leads back to a call of the model."""
        methods = {id(one) for kind in ast.walk(tree) if isinstance(kind, ast.ClassDef) and kind.name in self.own for one in kind.body}
        for scope in ast.walk(tree):
            if isinstance(scope, ast.Module | ast.FunctionDef | ast.AsyncFunctionDef):
                for outer, inner, call in _differentiated(scope.body, (), ()):
                    reading = _Reading(self, scope, outer, inner, id(scope) in methods)
                    try:
                        lines = reading.read(call)
                    except Unreadable as wrong:
                        if reading.calls_a_model():
                            yield wrong
                    else:
                        if reading.sources:
                            yield lines


def _differentiated(
    body: list[ast.stmt], outer: tuple[ast.stmt, ...], inner: tuple[ast.stmt, ...]
) -> Iterator[tuple[tuple[ast.stmt, ...], tuple[ast.stmt, ...], ast.Call]]:
    """Each call of backward in a scope, with the statements before it: those outside of the innermost loop, and those inside."""
    for index, statement in enumerate(body):
        before = (*inner, *_flat(body[:index]))
        if isinstance(statement, Loops):
            yield from _differentiated(statement.body, (*outer, *before), ())
        elif isinstance(statement, ast.With | ast.AsyncWith | ast.If | ast.Try):
            for branch in (statement.body, getattr(statement, "orelse", [])):
                yield from _differentiated(branch, outer, before)
        elif isinstance(statement, ast.Expr) and _differentiates(statement.value):
            yield outer, before, cast("ast.Call", statement.value)


def _loops(statement: ast.stmt) -> Iterator[ast.stmt]:
    """The loops of a statement of a script, but for those of the functions and classes in it."""
    if isinstance(statement, Loops):
        yield statement
    elif not isinstance(statement, Scopes):
        for inner in ast.iter_child_nodes(statement):
            if isinstance(inner, ast.stmt):
                yield from _loops(inner)


def _differentiates(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "backward"


def _flat(statements: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements in the order in which they run: the body of a `with` runs where it stands."""
    for one in statements:
        if isinstance(one, ast.With | ast.AsyncWith):
            yield from _flat(one.body)
        else:
            yield one


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


class _Given(ast.NodeTransformer):
    """Replaces the calls of the model by the names of what they give, and notes what they are handed."""

    def __init__(self, source_of: Callable[[ast.expr], str | None]) -> None:
        self.source_of = source_of
        self.sources: set[str] = set()
        self.handed: set[str] = set()

    def visit_Call(self, node: ast.Call) -> ast.AST:
        source = self.source_of(node.func)
        if source is None:
            return self.generic_visit(node)
        self.sources.add(source)
        if source != DECODED and node.args and (name := base(node.args[0])) is not None:
            self.handed.add(name)
        return ast.copy_location(ast.Name(source, ast.Load()), node)


RETURNED, ENCODED, DECODED = "__returned__", "__encoded__", "__decoded__"
"""The names that stand for what the model, its encoder and its decoder give."""


def base(node: ast.expr) -> str | None:
    """The name that a chain of methods and attributes begins with; None for any other expression."""
    while isinstance(node, ast.Attribute | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else None


@dataclass
class _Reading:
    """One way back from a call of backward."""

    reader: Reader
    scope: ast.Module | ast.FunctionDef | ast.AsyncFunctionDef
    outer: tuple[ast.stmt, ...]
    inner: tuple[ast.stmt, ...]
    within: bool
    sources: set[str] = field(default_factory=set)
    batch: set[str] = field(default_factory=set)
    needed: set[str] = field(default_factory=set)

    def read(self, call: ast.Call) -> Lines:
        assert isinstance(call.func, ast.Attribute)
        loss = self._given(call.func.value)
        self.needed = names_in(loss) - set(_SOURCES)
        taken = [one for one in (self._inside(statement) for statement in reversed(self.inner)) if one is not None]
        taken += [one for one in (self._outside(statement) for statement in reversed(self.outer)) if one is not None]
        taken.reverse()
        models = {name for name in self.needed - self.batch if self._source_of(ast.Name(name, ast.Load())) == RETURNED}
        weights = self._weights(models)
        lines = [one.lineno for one in taken] or [call.lineno]
        where = "" if isinstance(self.scope, ast.Module) else self.scope.name
        return Lines(tuple(taken), loss, frozenset(self.batch), frozenset(models), weights, min(lines), call.lineno, where)

    def calls_a_model(self) -> bool:
        """Whether the model is called anywhere before the loss."""
        calls = (node for one in self.inner for node in ast.walk(one) if isinstance(node, ast.Call))
        return any(self._source_of(call.func) is not None for call in calls)

    def _given(self, node: ast.expr) -> ast.expr:
        """An expression with the model's calls replaced."""
        transformer = _Given(self._source_of)
        given: ast.expr = transformer.visit(deepcopy(node))
        self.sources |= transformer.sources
        self.batch |= transformer.handed
        return given

    def _source_of(self, called: ast.expr) -> str | None:
        name = base(called)
        return self.reader.source_of(called, name in self._parameters or name not in self.reader.values, self.within)

    @property
    def _parameters(self) -> set[str]:
        if isinstance(self.scope, ast.Module):
            return set()
        given = self.scope.args
        return {one.arg for one in (*given.posonlyargs, *given.args, *given.kwonlyargs)}

    @property
    def _local(self) -> set[str]:
        """Names that the scope itself gives their values: all that a function assigns, and what the loops of a script do."""
        if not isinstance(self.scope, ast.Module):
            return self._parameters | names_in(self.scope, stored=True)
        return {name for one in self.scope.body for loop in _loops(one) for name in names_in(loop, stored=True)}

    def _inside(self, statement: ast.stmt) -> ast.stmt | None:
        """The statement as it is taken; None where the loss does not depend on it."""
        stored = names_in(statement, stored=True)
        if not stored & (self.needed | self.batch) or isinstance(statement, Scopes):
            return None
        plain = isinstance(statement, ast.Assign | ast.AugAssign | ast.AnnAssign)
        if self.sources and stored & self.batch:
            # What is done to the batch before the model sees it belongs to the batch.
            if plain and isinstance(statement, ast.Assign) and (name := base(statement.value)) is not None and len(stored) == 1:
                self.batch.add(name)
            return None
        if not plain or statement.value is None:  # type: ignore[attr-defined]
            raise Unreadable(f"{', '.join(sorted(stored & self.needed))}, of which line {statement.lineno} decides")
        value = self._given(statement.value)  # type: ignore[attr-defined]
        if not isinstance(statement, ast.AugAssign):
            self.needed -= stored
        self.needed |= names_in(value) - set(_SOURCES)
        return _with_value(statement, value)

    def _outside(self, statement: ast.stmt) -> ast.stmt | None:
        """What stands before the loop is taken where it is a number or something of a library, and the file itself has not run it."""
        stored = names_in(statement, stored=True) & self.needed - self.batch
        own = not isinstance(self.scope, ast.Module)
        if not stored or isinstance(statement, Scopes) or (not own and stored <= self.reader.values.keys()):
            return None
        value = statement.value if isinstance(statement, ast.Assign) else None
        settled = isinstance(value, ast.Constant) or (isinstance(value, ast.Call) and self.reader.is_library(value.func))
        if value is None or not settled or len(stored) != 1:
            return None
        self.needed -= stored
        self.needed |= names_in(value)
        return statement

    def _weights(self, models: set[str]) -> tuple[str, ...]:
        """The names that nothing says: weights of a KL. Any other ends the reading."""
        known = self.reader.values.keys() | vars(builtins).keys()
        loose = sorted(name for name in self.needed - self.batch - models if name not in known or name in self._local)
        weights = [name for name in loose if is_weight(name)]
        for name in loose:
            if name not in weights:
                raise Unreadable(name)
        return tuple(weights)


_SOURCES = (RETURNED, ENCODED, DECODED)


def _with_value(statement: ast.stmt, value: ast.expr) -> ast.stmt:
    if isinstance(statement, ast.AugAssign):
        made: ast.stmt = ast.AugAssign(statement.target, statement.op, value)
    else:
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]  # type: ignore[attr-defined]
        made = ast.Assign(targets, value)
    return ast.copy_location(made, statement)
