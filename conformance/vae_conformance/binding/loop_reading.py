"""Reading a training loop: the statements between the call of the model and `loss.backward()` that the loss depends on.

They are collected backwards from what is differentiated. What has no influence on it is left out; what only the loop has, such as a
counter or a label, ends the reading, unless it decides of the KL's weight alone, as a warm-up does: then the weight is an argument.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cached_property
from typing import cast

from vae_conformance.binding.loop_names import RETURNED, SOURCES, Functions, Given, attributes, base, defaults, names_in, parameters
from vae_conformance.binding.loss_arguments import is_weight

_SCALER = re.compile("scaler", re.IGNORECASE)
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
        weights: names of a KL's weight that only the loop has, and the number that each is by default, above 0.
        line: the first line of those before which the loop, or the function, begins.
        call: what differentiates the loss.
        where: the name of the function that the loop stands in; empty for a script.
    """

    statements: tuple[ast.stmt, ...]
    loss: ast.expr
    batch: frozenset[str]
    models: frozenset[str]
    weights: Mapping[str, float]
    line: int
    call: ast.Call
    where: str

    @property
    def last(self) -> int:
        """The line of the call of backward."""
        return self.call.lineno


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
        """What each `backward` in the file differentiates, as far as it leads back to a call of the model."""
        classes = {id(one): kind for kind in ast.walk(tree) if isinstance(kind, ast.ClassDef) for one in kind.body}
        for scope in ast.walk(tree):
            if isinstance(scope, ast.Module | Functions):
                kind = classes.get(id(scope))
                for outer, inner, call in _differentiated(scope.body, (), ()):
                    readings = [_Reading(self, scope, outer, inner, kind, given) for given in (False, True)]
                    if (lines := _first_read(readings, call)) is not None:
                        yield lines


def _first_read(readings: list[_Reading], call: ast.Call) -> Lines | Unreadable | None:
    """What the first reading that goes through gives, else what ended the first; None where the loss does not lead to a model."""
    wrong: Unreadable | None = None
    for reading in readings:
        try:
            lines = reading.read(call)
        except Unreadable as reason:
            wrong = wrong or reason
        else:
            return lines if reading.sources else None
    return wrong if readings[-1].calls_a_model() else None


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
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("backward", "manual_backward")


def _differentiated_by(call: ast.Call, assigned: AbstractSet[str]) -> ast.expr:
    """The loss of a call of backward: what it is a method of, or what a trainer's method is handed; a gradient scaler is left out.

    Args:
        call: such a call.
        assigned: names that the statements before it assign: an argument of their backward is a gradient.
    """
    assert isinstance(call.func, ast.Attribute)
    receiver = call.func.value
    loss = call.args[0] if call.args and base(receiver) not in {None, *assigned} else receiver
    if isinstance(loss, ast.Call) and isinstance(loss.func, ast.Attribute) and loss.func.attr == "scale" and len(loss.args) == 1:
        return loss.args[0] if _SCALER.search(ast.unparse(loss.func.value)) else loss
    return loss


def _flat(statements: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements in the order in which they run: the body of a `with` runs where it stands."""
    for one in statements:
        if isinstance(one, ast.With | ast.AsyncWith):
            yield from _flat(one.body)
        else:
            yield one


@dataclass
class _Reading:
    """One way back from a call of backward."""

    reader: Reader
    scope: ast.Module | ast.FunctionDef | ast.AsyncFunctionDef
    outer: tuple[ast.stmt, ...]
    inner: tuple[ast.stmt, ...]
    kind: ast.ClassDef | None
    weights_are_given: bool
    sources: set[str] = field(default_factory=set)
    batch: set[str] = field(default_factory=set)
    needed: set[str] = field(default_factory=set)
    weights: set[str] = field(default_factory=set)

    def read(self, call: ast.Call) -> Lines:
        loss = self._given(_differentiated_by(call, self._assigned))
        self.needed = self._names(loss)
        taken = [one for one in (self._inside(statement) for statement in reversed(self.inner)) if one is not None]
        first = min((one.lineno for one in taken), default=call.lineno)
        taken += [one for one in (self._outside(statement) for statement in reversed(self.outer)) if one is not None]
        taken += self._by_default()
        taken.reverse()
        models = {name for name in self.needed - self.batch if self._source_of(ast.Name(name, ast.Load())) == RETURNED}
        weights = self._weights(models)
        where = "" if isinstance(self.scope, ast.Module) else self.scope.name
        return Lines(tuple(taken), loss, frozenset(self.batch), frozenset(models), weights, first, call, where)

    def calls_a_model(self) -> bool:
        """Whether the model is called anywhere before the loss."""
        calls = (node for one in self.inner for node in ast.walk(one) if isinstance(node, ast.Call))
        return any(self._source_of(call.func) is not None for call in calls)

    def _given(self, node: ast.expr) -> ast.expr:
        """An expression with the model's calls replaced."""
        transformer = Given(self._source_of, self._is_loose if self.weights_are_given else None, self._kept, self._assigned)
        given: ast.expr = transformer.visit(deepcopy(node))
        self.sources |= transformer.sources
        self.batch |= transformer.handed
        self.weights |= transformer.weights
        return given

    def _names(self, given: ast.expr) -> set[str]:
        """The names in an expression that something has to say."""
        return names_in(given) - SOURCES - self.weights

    @cached_property
    def _assigned(self) -> frozenset[str]:
        """The names that are assigned before the loss."""
        return frozenset(name for one in self.inner for name in names_in(one, stored=True))

    @cached_property
    def _within(self) -> bool:
        """Whether `self` is the model."""
        return self.kind is not None and self.kind.name in self.reader.own

    @cached_property
    def _kept(self) -> dict[str, ast.expr]:
        """What `self` keeps that is settled, where it is no model."""
        if self.kind is None or self._within:
            return {}
        return {name: value for name, value in attributes(self.kind).items() if self._is_settled(value) and not is_weight(name)}

    def _is_settled(self, value: ast.expr) -> bool:
        """Whether an expression is a number, a word, or something of a library."""
        if isinstance(value, ast.Constant):
            return value.value is not None
        return isinstance(value, ast.Call) and self.reader.is_library(value.func)

    def _source_of(self, called: ast.expr) -> str | None:
        return self.reader.source_of(called, self._is_unknown(base(called)), self._within)

    def _is_unknown(self, name: str | None) -> bool:
        """Whether the file as it has run does not say what a name stands for."""
        return name in self._parameters or name not in self.reader.values

    def _is_loose(self, name: str) -> bool:
        """Whether nothing but the loop says what a name stands for."""
        return (self._is_unknown(name) or name in self._local) and not (self._within and name == "self")

    @cached_property
    def _parameters(self) -> set[str]:
        return set() if isinstance(self.scope, ast.Module) else parameters(self.scope)

    @cached_property
    def _local(self) -> set[str]:
        """Names that the scope itself gives their values: all that a function assigns, and what the loops of a script do."""
        if not isinstance(self.scope, ast.Module):
            return self._parameters | names_in(self.scope, stored=True)
        return {name for one in self.scope.body for loop in _loops(one) for name in names_in(loop, stored=True)}

    @cached_property
    def _changed(self) -> set[str]:
        """Names that the scope assigns more than once, such as a counter."""
        names = [one.id for one in ast.walk(self.scope) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)]
        return {name for name, times in Counter(names).items() if times > 1}

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
        if self.weights_are_given and all(is_weight(name) for name in stored & self.needed):
            return None
        if isinstance(statement, ast.If):
            return self._either(statement)
        if not plain or statement.value is None:  # type: ignore[attr-defined]
            raise Unreadable(f"{', '.join(sorted(stored & self.needed))}, of which line {statement.lineno} decides")
        value = self._given(statement.value)  # type: ignore[attr-defined]
        if not isinstance(statement, ast.AugAssign):
            self.needed -= stored
        self.needed |= self._names(value)
        return _with_value(statement, value)

    def _either(self, statement: ast.If) -> ast.If:
        """A statement of two branches, each with what the loss depends on."""
        wanted, found, branches = set(self.needed), set[str](), []
        for branch in (statement.body, statement.orelse):
            self.needed = set(wanted)
            taken = [one for one in (self._inside(inner) for inner in reversed([*_flat(branch)])) if one is not None]
            branches.append([*reversed(taken)])
            found |= self.needed
        test = self._given(statement.test)
        self.needed = found | self._names(test)
        body, other = branches
        return ast.copy_location(ast.If(test, body or [ast.Pass()], other), statement)

    def _outside(self, statement: ast.stmt) -> ast.stmt | None:
        """What stands before the loop is taken where it is a number or something of a library, and the file itself has not run it."""
        stored = names_in(statement, stored=True) & self.needed - self.batch
        own = not isinstance(self.scope, ast.Module)
        if not stored or stored & self._changed or isinstance(statement, Scopes) or (not own and stored <= self.reader.values.keys()):
            return None
        value = statement.value if isinstance(statement, ast.Assign) else None
        if value is None or not self._is_settled(value) or len(stored) != 1:
            return None
        self.needed -= stored
        self.needed |= names_in(value)
        return statement

    def _by_default(self) -> list[ast.stmt]:
        """What parameters of the function are by default, where that is settled and no weight of a KL."""
        if isinstance(self.scope, ast.Module):
            return []
        taken = {
            name: value
            for name, value in defaults(self.scope).items()
            if name in self.needed - self.batch and self._is_settled(value) and not is_weight(name)
        }
        self.needed -= taken.keys()
        self.needed |= {name for value in taken.values() for name in names_in(value)}
        return [ast.copy_location(ast.Assign([ast.Name(name, ast.Store())], value), value) for name, value in taken.items()]

    def _weights(self, models: set[str]) -> dict[str, float]:
        """The names that nothing says, with their numbers by default: weights of a KL. Any other ends the reading."""
        known = self.reader.values.keys() | vars(builtins).keys()
        needed = self.needed - self.batch - models
        loose = sorted(self.weights | {name for name in needed if name not in known or name in self._local})
        for name in loose:
            if name not in self.weights and not is_weight(name):
                raise Unreadable(name)
        usual = {} if isinstance(self.scope, ast.Module) else defaults(self.scope)
        usual |= {} if self.kind is None or self._within else attributes(self.kind)
        return {name: _positive(usual.get(name)) for name in loose}


def _positive(value: ast.expr | None) -> float:
    """The number above 0 that an expression is; 1 for any other."""
    number = value.value if isinstance(value, ast.Constant) else None
    return float(number) if isinstance(number, int | float) and number > 0 else 1.0


def _with_value(statement: ast.stmt, value: ast.expr) -> ast.stmt:
    if isinstance(statement, ast.AugAssign):
        made: ast.stmt = ast.AugAssign(statement.target, statement.op, value)
    else:
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]  # type: ignore[attr-defined]
        made = ast.Assign(targets, value)
    return ast.copy_location(made, statement)
