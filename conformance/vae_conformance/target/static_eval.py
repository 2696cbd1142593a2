"""Evaluate expressions of a file statically, from its assignments of constants, without running anything.

The command line is empty and no environment variable is set: values are those of the script run without arguments.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import math
import operator
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

from torch import nn

from vae_conformance.target.scopes import Assignment, Found, Scope, Site
from vae_conformance.target.submodule_arguments import Ingredient, entries_of, holds_settings, is_settings, made, settings_of

_PLAIN = (int, float, str, bool, tuple, list, dict, slice, type(None))


def _power(base: Any, exponent: Any) -> Any:
    """Return a power that is not so large that computing it takes a while."""
    if abs(base) > 1e6 or abs(exponent) > 64:
        raise OverflowError
    return base**exponent


_OPERATORS: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Div: operator.truediv,
    ast.Mod: operator.mod,
    ast.Pow: _power,
    ast.BitOr: operator.or_,
}
_UNARY: Mapping[type[ast.unaryop], Callable[[Any], Any]] = {ast.USub: operator.neg, ast.UAdd: operator.pos, ast.Not: operator.not_}
_COMPARISONS: Mapping[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
    ast.In: lambda one, many: one in many,
    ast.NotIn: lambda one, many: one not in many,
}
_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    **{one.__name__: one for one in (int, float, str, bool, abs, len, max, min, sum, tuple, list, round, dict, range, sorted, zip)},
    "math.prod": math.prod,
    "math.sqrt": math.sqrt,
    "np.prod": math.prod,
    "numpy.prod": math.prod,
    "os.getenv": lambda _name, default=None: default,
    "getenv": lambda _name, default=None: default,
}
_METHODS = frozenset(
    {
        *("get", "keys", "values", "items", "copy", "index", "count"),
        *("split", "rsplit", "strip", "lstrip", "rstrip", "lower", "upper", "replace", "join", "isdigit"),
        *("removeprefix", "removesuffix", "startswith", "endswith"),
    }
)
"""Methods of containers and strings that change nothing."""
_ELEMENTS = 1000
"""The largest number of elements that a comprehension goes over."""
_MOVES = frozenset({"to", "cuda", "cpu", "float", "double", "train", "eval"})
_DEPTH = 12


class Unknown(Exception):
    """The value of an expression cannot be determined statically."""


@dataclass(frozen=True)
class Reader:
    """Evaluates expressions of one module.

    Attributes:
        module: the loaded module.
        flags: what its command line gives where it is empty, by attribute name.
        network: converts a call of one of its own classes to an `Ingredient`.
        sites: its calls, which determine the parameters of its own functions.
    """

    module: ModuleType
    flags: Mapping[str, object]
    network: Callable[[type, ast.Call, Scope], Ingredient]
    sites: Sequence[Site] = ()

    def value(self, node: ast.expr, scope: Scope, depth: int = _DEPTH) -> Any:
        """Evaluate an expression to a plain value, or to an `Ingredient` for a network.

        Raises:
            Unknown: the value cannot be determined.
        """
        if not depth:
            raise Unknown
        match node:
            case ast.Constant(value=value):
                return value
            case ast.Name(id=name):
                return self._named(name, node, scope, depth)
            case ast.Tuple(elts=elements):
                return tuple(self.elements(elements, scope, depth))
            case ast.List(elts=elements):
                return self.elements(elements, scope, depth)
            case ast.Dict(keys=keys, values=values):
                return self._entries(zip(keys, values, strict=True), scope, depth)
            case ast.ListComp(elt=element, generators=[loop]) | ast.GeneratorExp(elt=element, generators=[loop]):
                return [self.value(element, inner, depth - 1) for inner in self._turns(loop, scope, depth)]
            case ast.DictComp(key=key, value=value, generators=[loop]):
                turns = list(self._turns(loop, scope, depth))
                return {self.value(key, inner, depth - 1): self.value(value, inner, depth - 1) for inner in turns}
            case ast.Slice(lower=lower, upper=upper, step=step):
                return slice(*(None if one is None else self.value(one, scope, depth - 1) for one in (lower, upper, step)))
            case ast.JoinedStr(values=pieces):
                return "".join(str(self.value(one, scope, depth - 1)) for one in pieces)
            case ast.FormattedValue(value=inner, format_spec=None):
                return self.value(inner, scope, depth - 1)
            case ast.UnaryOp(op=op, operand=operand) if type(op) in _UNARY:
                return self._computed(_UNARY[type(op)], self.value(operand, scope, depth - 1))
            case ast.IfExp(test=test, body=body, orelse=orelse):
                return self.value(body if self._computed(bool, self.value(test, scope, depth - 1)) else orelse, scope, depth - 1)
            case ast.BoolOp(op=op, values=values):
                return self._decided(isinstance(op, ast.Or), values, scope, depth)
            case ast.Compare(left=left, ops=operators, comparators=others):
                sides = [self.value(one, scope, depth - 1) for one in (left, *others)]
                pairs = zip(operators, sides, sides[1:], strict=False)
                return all(self._computed(_COMPARISONS[type(op)], first, second) for op, first, second in pairs)
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
                return self._computed(_OPERATORS[type(op)], self.value(left, scope, depth - 1), self.value(right, scope, depth - 1))
            case ast.Subscript(value=inner, slice=key):
                return self._item(inner, key, scope, depth)
            case ast.Attribute():
                return self._attribute(node, scope, depth)
            case ast.Call():
                return self._call(node, scope, depth)
        raise Unknown

    def elements(self, nodes: Sequence[ast.expr], scope: Scope, depth: int = _DEPTH) -> list[Any]:
        """Evaluate expressions one after another, those with a star to their elements.

        Raises:
            Unknown: the value of one cannot be determined.
        """
        found: list[Any] = []
        for node in nodes:
            value = self.value(node.value if isinstance(node, ast.Starred) else node, scope, depth - 1)
            found += self._computed(list, value) if isinstance(node, ast.Starred) else [value]
        return found

    def _entries(self, pairs: Iterable[tuple[ast.expr | None, ast.expr]], scope: Scope, depth: int) -> dict[Any, Any]:
        """Return the entries of a dict; a pair without a key holds a mapping with its entries."""
        found: dict[Any, Any] = {}
        for key, node in pairs:
            value = self.value(node, scope, depth - 1)
            if key is not None:
                found[self.value(key, scope, depth - 1)] = value
            elif isinstance(more := entries_of(value), dict):
                found |= more
            else:
                raise Unknown
        return found

    def _turns(self, loop: ast.comprehension, scope: Scope, depth: int) -> Iterator[Scope]:
        """Yield the scope of each turn of a comprehension."""
        names = [one.id for one in ast.walk(loop.target) if isinstance(one, ast.Name)]
        over = self._computed(list, self.value(loop.iter, scope, depth - 1))
        if len(over) > _ELEMENTS or loop.is_async or not isinstance(loop.target, ast.Name | ast.Tuple):
            raise Unknown
        for one in over:
            given = [one] if isinstance(loop.target, ast.Name) else self._computed(list, one)
            inner = scope.within(dict(zip(names, given, strict=False)))
            if all(self._computed(bool, self.value(test, inner, depth - 1)) for test in loop.ifs):
                yield inner

    def _runs(self, one: Assignment, scope: Scope, depth: int) -> bool:
        """Return whether no condition around an assignment is known to come out otherwise."""
        for test, outcome in one.tests:
            with suppress(Unknown):
                if self._computed(bool, self.value(test, scope, max(depth - 2, 0))) is not outcome:
                    return False
        return True

    def _decided(self, until: bool, nodes: Sequence[ast.expr], scope: Scope, depth: int) -> Any:
        """Return the value of `a or b` (until True) or `a and b` (until False): the first that decides, as Python has it."""
        value: Any = None
        for node in nodes:
            value = self.value(node, scope, depth - 1)
            if isinstance(value, _PLAIN) and bool(value) is until:
                return value
        return value

    def _item(self, inner: ast.expr, key: ast.expr, scope: Scope, depth: int) -> Any:
        """Return an entry of a known container, or `args["name"]` of the command line."""
        name = self.value(key, scope, depth - 1)
        try:
            owner = self.value(inner, scope, depth - 1)
        except Unknown:
            if isinstance(inner, ast.Name | ast.Attribute) and isinstance(name, str) and name in self.flags:
                return self.flags[name]
            raise
        return self._computed(operator.getitem, entries_of(owner), name)

    def _named(self, name: str, node: ast.expr, scope: Scope, depth: int) -> Any:
        if name == "__name__":
            return "__main__"
        found = scope.find(name, partial(self._runs, depth=depth))
        for expression, where, steps in self._meanings(name, found):
            with suppress(Unknown):
                return self.value(expression, where, max(depth - steps, 0))
        if found is None or not found.local:
            try:
                return self._live(node)
            except Unknown:
                pass
        if self.flags and is_settings(name):
            return settings_of(self.flags)
        raise Unknown

    def _meanings(self, name: str, found: Found | None) -> Iterator[tuple[ast.expr, Scope, int]]:
        """Yield the expressions that may give a name, the likeliest first: its value or default, or what the calls of its function pass.

        Each comes with the scope to evaluate it in, and with the depth that this takes.
        """
        if found is None:
            return
        own = [] if found.value is None else [(found.value, found.scope, 1)]
        passed = [] if found.owner is None else [(*one, _DEPTH // 4) for one in found.owner.passed(name, self.sites)]
        unset = isinstance(found.value, ast.Constant) and found.value.value is None
        yield from (*passed, *own) if unset else (*own, *passed)

    def _live(self, node: ast.expr) -> Any:
        """Return the object of a name or a dotted name in the loaded module, if it is a plain value, a class or a function."""
        found = self._object(node)
        if found is sys.argv:
            return [self.module.__name__]
        if found is os.environ:
            return {}
        if isinstance(found, _PLAIN) and (not isinstance(found, tuple | list) or all(isinstance(one, _PLAIN) for one in found)):
            return found
        if inspect.isclass(found) or isinstance(found, FunctionType | BuiltinFunctionType):
            return Ingredient(ast.unparse(node), lambda: found)
        raise Unknown

    def _object(self, node: ast.expr) -> Any:
        if isinstance(node, ast.Name) and node.id in vars(self.module):
            return vars(self.module)[node.id]
        if isinstance(node, ast.Attribute):
            owner = self._object(node.value)
            if (
                isinstance(owner, ModuleType)
                or inspect.isclass(owner)
                or dataclasses.is_dataclass(owner)
                or type(owner).__name__ == "Namespace"
            ):
                try:
                    return inspect.getattr_static(owner, node.attr) if not isinstance(owner, ModuleType) else getattr(owner, node.attr)
                except AttributeError:
                    raise Unknown from None
        raise Unknown

    def _attribute(self, node: ast.Attribute, scope: Scope, depth: int) -> Any:
        """Return an attribute of a live object, of settings, or of `self` as the constructor of the enclosing class sets it."""
        with suppress(Unknown):
            return self._live(node)
        if not isinstance(node.value, ast.Name):
            return self._entry(node, scope, depth)
        if (member := scope.member(node.value.id, node.attr)) is not None:
            return self.value(*member, depth - 1)
        for expression, where, steps in self._meanings(node.value.id, scope.find(node.value.id, partial(self._runs, depth=depth))):
            with suppress(Unknown):
                return self.value(ast.Attribute(expression, node.attr, ast.Load()), where, max(depth - steps, 0))
        if node.value.id != "self" and node.attr in self.flags:
            return self.flags[node.attr]
        raise Unknown

    def _entry(self, node: ast.Attribute, scope: Scope, depth: int) -> Any:
        """Return the entry of a settings object that an attribute reads."""
        owner = self.value(node.value, scope, depth - 1)
        entries = entries_of(owner)
        if entries is owner or not isinstance(entries, dict) or node.attr not in entries:
            raise Unknown
        return entries[node.attr]

    def _call(self, node: ast.Call, scope: Scope, depth: int) -> Any:
        if isinstance(node.func, ast.Attribute) and node.func.attr in _MOVES and isinstance(node.func.value, ast.Call | ast.Name):
            return self.value(node.func.value, scope, depth - 1)
        called = ast.unparse(node.func)
        if called in ("vars", "asdict", "dataclasses.asdict") and len(node.args) == 1:
            return self.value(node.args[0], scope, depth - 1)
        if called.endswith(".parse_args") and self.flags:
            return settings_of(self.flags)
        method = node.func.attr if isinstance(node.func, ast.Attribute) and node.func.attr in _METHODS else ""
        if called in _FUNCTIONS or method:
            function = _FUNCTIONS.get(called)
            if function is None and isinstance(node.func, ast.Attribute):
                function = getattr(entries_of(self.value(node.func.value, scope, depth - 1)), method, None)
            words = self._entries(((ast.Constant(one.arg) if one.arg else None, one.value) for one in node.keywords), scope, depth)
            result = self._computed(function, *self.elements(node.args, scope, depth), **words) if function else None
            return result if isinstance(result, _PLAIN) else list(result)
        kind = self._object(node.func)
        if not (inspect.isclass(kind) and (issubclass(kind, nn.Module) or holds_settings(kind))):
            raise Unknown
        if kind.__module__ == self.module.__name__:
            return self.network(kind, node, scope)
        if not kind.__module__.startswith("torch.nn.") or any(one.arg is None for one in node.keywords):
            raise Unknown
        first = [self.value(one, scope, depth - 1) for one in node.args]
        rest = {str(one.arg): self.value(one.value, scope, depth - 1) for one in node.keywords}
        shown = ", ".join([*map(repr, first), *(f"{name}={value!r}" for name, value in rest.items())])
        return Ingredient(f"{called}({shown})", lambda: kind(*map(made, first), **{name: made(one) for name, one in rest.items()}))

    def _computed(self, function: Callable[..., Any], *values: Any, **words: Any) -> Any:
        if not all(isinstance(value, _PLAIN) for value in (*values, *words.values())):
            raise Unknown
        try:
            result = function(*values, **words)
        except Exception:  # noqa: BLE001  if arithmetic with user constants fails in any way, the value is unknown
            raise Unknown from None
        if isinstance(result, Sequence) and len(result) > 10_000:
            raise Unknown
        return result
