"""The names and the calls of a file: where each name is given a value, and which expressions the calls of a function pass to it."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_CALLS = 4
"""The maximum number of calls of a function that are asked for one of its parameters."""


@dataclass(frozen=True)
class Assignment:
    """One assignment of a scope.

    Attributes:
        line: its line.
        name: the name that it gives a value.
        value: the expression; None if it is not a plain one.
        tests: the conditions of the `if` statements around it, each with the outcome under which it runs.
    """

    line: int
    name: str
    value: ast.expr | None
    tests: tuple[tuple[ast.expr, bool], ...] = ()


Runs = Callable[[Assignment, "Scope"], bool]
"""Says whether an assignment of a scope runs, as far as the conditions around it can be evaluated."""


@dataclass(frozen=True)
class Found:
    """The location that gives a name its value.

    Attributes:
        value: the expression; None if it is not a plain one, or a parameter without a default.
        scope: the scope to evaluate it in.
        local: whether the name is local to a function.
        owner: the scope of the function, if it is one of its parameters.
    """

    value: ast.expr | None
    scope: Scope
    local: bool
    owner: Scope | None = None


@dataclass(frozen=True)
class Scope:
    """The names visible at a location in a file.

    Attributes:
        assigned: the assignments in the scope itself, in order.
        outer: the enclosing scope; for a notebook's cell, the previous cell.
        parameters: the parameters of its function, with their defaults.
        line: the line of the location; later assignments do not count.
        local: whether it is the scope of a function.
        key: how calls name its function: "main", the name of the class for a constructor, ".fit" for another method.
        receiver: what a method calls its object (`self`); empty for a function.
        members: the attributes that the class and its constructor set once, with the scope of each expression.
    """

    assigned: tuple[Assignment, ...]
    outer: Scope | None
    parameters: Mapping[str, ast.expr | None]
    line: int = 10**9
    local: bool = False
    key: str = ""
    receiver: str = ""
    members: Mapping[str, tuple[ast.expr, Scope]] = field(default_factory=dict)

    def find(self, name: str, runs: Runs) -> Found | None:
        """Return what gives a name its value, the last assignment before that `runs`; None if it is not found."""
        for one in reversed(self._earlier(name)):
            before = replace(self, line=one.line)
            if not one.tests or runs(one, before):
                return Found(one.value, before, self.local)
        if name in self.parameters:
            return Found(self.parameters[name], self.outer or self, True, self)
        return None if self.outer is None else self.outer.find(name, runs)

    def within(self, values: Mapping[str, object]) -> Scope:
        """Return the scope of a comprehension, where its variables have these values."""
        return Scope(tuple(Assignment(0, name, ast.Constant(value)) for name, value in values.items()), self, {})  # type: ignore[arg-type]

    def member(self, name: str, attribute: str) -> tuple[ast.expr, Scope] | None:
        """Return the expression of an attribute of a method's own object and its scope; None if `name` is not that object."""
        if name == self.receiver:
            return self.members.get(attribute)
        if self.outer is None or name in self.parameters or self._earlier(name):
            return None
        return self.outer.member(name, attribute)

    def passed(self, name: str, sites: Iterable[Site]) -> Iterator[tuple[ast.expr, Scope]]:
        """Yield the expressions that the calls of its function pass for a parameter, each with the scope of the call."""
        names = [one for one in self.parameters if one != self.receiver]
        for site in [one for one in sites if one.key == self.key][:_CALLS]:
            if any(isinstance(one, ast.Starred) for one in site.node.args):
                continue
            written = dict(zip(names, site.node.args, strict=False)) | {one.arg: one.value for one in site.node.keywords if one.arg}
            if name in written:
                yield written[name], site.scope
            else:
                mappings = [one.value for one in site.node.keywords if one.arg is None]
                yield from ((ast.Subscript(one, ast.Constant(name), ast.Load()), site.scope) for one in mappings)

    def changes(self, expression: ast.expr) -> bool:
        """Return whether a name of an expression is assigned more than once in the scope that gives its value."""
        return any(self._assignments_of(node.id) > 1 for node in ast.walk(expression) if isinstance(node, ast.Name))

    def _assignments_of(self, name: str) -> int:
        """Return how often the innermost scope that gives a name its value does so."""
        scope: Scope | None = self
        while scope is not None:
            own = sum(one.name == name for one in scope.assigned) + (name in scope.parameters)
            if own:
                return own
            scope = scope.outer
        return 0

    def _earlier(self, name: str) -> list[Assignment]:
        return [one for one in self.assigned if one.name == name and one.line < self.line]


@dataclass(frozen=True)
class Site:
    """A call and its context.

    Attributes:
        node: the call.
        place: its location: "line 30", "cell 4, line 2".
        scope: the names that it sees.
        rank: its priority, lowest first: 0 at module level, 1 in functions, 2 in tests.
        classes: the classes that it is in.
        key: the name that it calls, with a dot before it if it is an attribute; empty for any other expression.
    """

    node: ast.Call
    place: str
    scope: Scope
    rank: int
    classes: tuple[str, ...]

    @property
    def key(self) -> str:
        """What it calls, as in `Scope.key`."""
        called = self.node.func
        return called.id if isinstance(called, ast.Name) else f".{called.attr}" if isinstance(called, ast.Attribute) else ""


def scopes_of(pieces: Sequence[tuple[str, ast.Module]]) -> list[Scope]:
    """Return the scope of the file, or of each cell, which sees those of the cells before it."""
    scopes: list[Scope] = []
    for _, tree in pieces:
        scopes.append(Scope(assignments(tree.body), scopes[-1] if scopes else None, {}))
    return scopes


def sites_of(pieces: Sequence[tuple[str, ast.Module]], scopes: Sequence[Scope]) -> list[Site]:
    """Return all calls of a file, those at module level first and those in tests last."""
    found = [site for (place, tree), scope in zip(pieces, scopes, strict=True) for site in _sites(tree, place, scope, 0, ())]
    return sorted(found, key=lambda site: site.rank)


def _sites(node: ast.AST, place: str, scope: Scope, rank: int, classes: tuple[str, ...]) -> Iterator[Site]:
    members = _members(node, scope) if isinstance(node, ast.ClassDef) else {}
    for child in ast.iter_child_nodes(node):
        if isinstance(child, _FUNCTIONS):
            inner = _inner(child, scope, node if isinstance(node, ast.ClassDef) else None, members)
            yield from _sites(child, place, inner, 2 if child.name.startswith("test") or rank == 2 else 1, classes)
            continue
        if isinstance(child, ast.Call):
            yield Site(child, f"{place} {child.lineno}", replace(scope, line=child.lineno), rank, classes)
        yield from _sites(child, place, scope, rank, (*classes, child.name) if isinstance(child, ast.ClassDef) else classes)


def _inner(
    function: ast.FunctionDef | ast.AsyncFunctionDef,
    scope: Scope,
    owner: ast.ClassDef | None,
    members: Mapping[str, tuple[ast.expr, Scope]],
) -> Scope:
    """Return the scope of a function, or of a method of the class `owner`."""
    parameters = _defaults(function)
    key, receiver = function.name, ""
    if owner is not None:
        key = owner.name if function.name == "__init__" else f".{function.name}"
        static = any(ast.unparse(one) == "staticmethod" for one in function.decorator_list)
        receiver = "" if static else next(iter(parameters), "")
    return Scope(assignments(function.body), scope, parameters, local=True, key=key, receiver=receiver, members=members)


def _members(owner: ast.ClassDef, scope: Scope) -> dict[str, tuple[ast.expr, Scope]]:
    """Return the attributes that a class sets in its body, or its constructor once, each with the expression and its scope."""
    found = {one.name: (one.value, scope) for one in assignments(owner.body) if one.value is not None}
    stored = [node.attr for node in ast.walk(owner) if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)]
    for name in stored:
        found.pop(name, None)
    for function in (one for one in owner.body if isinstance(one, _FUNCTIONS) and one.name == "__init__"):
        inner = _inner(function, scope, owner, {})
        for node in ast.walk(function):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
            value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
            for target in targets:
                if isinstance(target, ast.Attribute) and ast.unparse(target.value) == inner.receiver and stored.count(target.attr) == 1:
                    found |= {} if value is None else {target.attr: (value, replace(inner, line=target.lineno))}
    return found


def _defaults(function: ast.FunctionDef | ast.AsyncFunctionDef) -> dict[str, ast.expr | None]:
    """Return the parameters of a function with their defaults, None for those without."""
    given = function.args
    positional = [*given.posonlyargs, *given.args]
    padded: list[ast.expr | None] = [*[None] * (len(positional) - len(given.defaults)), *given.defaults, *given.kw_defaults]
    return {one.arg: value for one, value in zip([*positional, *given.kwonlyargs], padded, strict=True)}


def assignments(body: Iterable[ast.stmt], tests: tuple[tuple[ast.expr, bool], ...] = ()) -> tuple[Assignment, ...]:
    """Return all assignments of a scope, in its blocks too, but not inside functions and classes."""
    found: list[Assignment] = []
    for statement in body:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        plain: dict[str, ast.expr] = {}
        if isinstance(statement, ast.Assign):
            for target in statement.targets:
                plain |= _unpacked(target, statement.value)
        elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
            plain |= _unpacked(statement.target, statement.value)
        blocks = [block for name in ("body", "orelse", "finalbody") if (block := getattr(statement, name, None))]
        blocks += [handler.body for handler in getattr(statement, "handlers", ())]
        heads = (
            [node for node in ast.iter_child_nodes(statement) if not isinstance(node, ast.stmt | ast.ExceptHandler)]
            if blocks
            else [statement]
        )
        bound = {node.id for head in heads for node in ast.walk(head) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
        found += [Assignment(statement.lineno, name, plain.get(name), tests) for name in sorted(bound | set(plain))]
        for block in blocks:
            taken = ((statement.test, block is statement.body),) if isinstance(statement, ast.If) else ()
            found += assignments(block, (*tests, *taken))
    return tuple(found)


def _unpacked(target: ast.expr, value: ast.expr) -> dict[str, ast.expr]:
    if isinstance(target, ast.Name):
        return {target.id: value}
    if isinstance(target, ast.Tuple | ast.List) and isinstance(value, ast.Tuple | ast.List) and len(target.elts) == len(value.elts):
        pairs = zip(target.elts, value.elts, strict=True)
        return {name: one for inner, given in pairs for name, one in _unpacked(inner, given).items()}
    if isinstance(target, ast.Tuple | ast.List) and not any(isinstance(one, ast.Starred) for one in target.elts):
        entries = enumerate(target.elts)
        return {one.id: ast.Subscript(value, ast.Constant(place), ast.Load()) for place, one in entries if isinstance(one, ast.Name)}
    return {}
