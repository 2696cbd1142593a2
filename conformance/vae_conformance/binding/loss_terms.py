"""A loss in two functions, one for each term, that only a script's loop adds: told by their names, and by the line that adds them."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from vae_conformance.binding.findings import Findings
from vae_conformance.binding.loss_arguments import POSITIONS, parameters
from vae_conformance.binding.losses import Loss, scalar
from vae_conformance.binding.returns import Returns
from vae_conformance.target.adapter import inner_of
from vae_conformance.target.source_code import source_tree
from vae_spec.subject import SubjectFault

_RECONSTRUCTION = re.compile(r"recon|nll|neg\w*_?log|bce|mse|cross_?entropy", re.IGNORECASE)
_KL = re.compile(r"kl|divergence", re.IGNORECASE)
_LENGTHS = frozenset({"mean", "sum"})


def names_term(name: str) -> bool:
    """Whether a name is that of one of the two terms alone."""
    return (_RECONSTRUCTION.search(name) is not None) != (_KL.search(name) is not None)


@dataclass(frozen=True)
class Sum:
    """A line that adds the two terms.

    Attributes:
        reconstruction, kl: the names of the functions.
        weight: of the KL, as a number; 1 where it is a variable.
        shown: the weight as it is written; empty where there is none.
        how: mean or sum, where each term is one of its items' values before it is added; otherwise empty.
        line: of the file.
    """

    reconstruction: str
    kl: str
    weight: float
    shown: str
    how: str
    line: int


def sum_of_terms(found: Findings, raw: tuple[Tensor, ...], other: tuple[Tensor, ...], x: Tensor, mu: Tensor) -> Loss | None:
    """The loss that a script adds up from a reconstruction term and a KL of its own; None where the file leaves any doubt.

    Args:
        found: what is known of the model.
        raw: an output for the batch.
        other: another one.
        x: the batch.
        mu: a code for each item.
    """
    functions = _functions(found)
    added = {(one.reconstruction, one.kl, one.weight, one.shown, one.how): one for one in _sums(found.target.namespace, functions)}
    if len(added) != 1:
        return None
    (line,) = added.values()
    reconstruction, kl = functions[line.reconstruction], functions[line.kl]
    if not (_follows(found, reconstruction, (raw, x), (other, x)) and _follows(found, kl, (mu, mu), (mu + 1, mu))):
        return None

    def loss(raw: Any, x: Tensor, mu: Tensor, second: Tensor, beta: float = 1.0) -> tuple[Tensor, Tensor, Tensor]:
        first, divergence = (_number(term, line.how) for term in (reconstruction(raw, x), kl(mu, second)))
        divergence = line.weight * divergence
        return first + beta * divergence, first, divergence

    loss.__wrapped__ = inspect.unwrap(kl)  # type: ignore[attr-defined]
    weight = f"{line.shown} * " if line.shown else ""
    account = f"{line.reconstruction} + {weight}{line.kl}, as line {line.line} adds them"
    roles = {role: role for role in POSITIONS} | {"beta": "beta"}
    return Loss(account, loss, roles, Returns.TERMS, known_by="the names of the two terms, and the line that adds them")


def _number(term: Any, how: str) -> Tensor:
    """One number of a term, drawn together as the script does it."""
    return scalar(term.sum() if how == "sum" else term)


def _functions(found: Findings) -> Mapping[str, Callable[..., Any]]:
    """Functions of the file and methods of the model that are a term by their name and their two arguments, called in the usual order."""
    namespace, inner = found.target.namespace, inner_of(found.model)
    own = [
        (name, value)
        for name, value in vars(namespace).items()
        if inspect.isfunction(value) and value.__module__ == getattr(namespace, "__name__", None)
    ]
    own += [(name, getattr(inner, name)) for name, value in vars(type(inner)).items() if inspect.isfunction(value)]
    ordered = {name: _in_order(name, call) for name, call in own}
    return {name: call for name, call in ordered.items() if call is not None}


def _in_order(name: str, call: Callable[..., Any]) -> Callable[..., Any] | None:
    """The function, called as (output, input) or (mu, second head); None for what is neither by its name and its arguments."""
    pair = ("mu", "logvar") if _KL.search(name) else ("raw", "x") if _RECONSTRUCTION.search(name) else None
    taken = parameters(call)
    if pair is None or taken is None or len(taken.required) != 2 or not set(pair) <= taken.roles.keys():
        return None
    first = taken.roles[pair[0]]
    if {one.name for one in taken.required} != {first, taken.roles[pair[1]]}:
        return None
    turned = taken.required[0].name != first

    def one_term(one: Any, two: Any) -> Any:
        return call(two, one) if turned else call(one, two)

    one_term.__wrapped__ = call  # type: ignore[attr-defined]
    return one_term


def _follows(found: Findings, one_term: Callable[..., Any], first: tuple[Any, Any], second: tuple[Any, Any]) -> bool:
    """Whether a function gives numbers that follow its first argument."""
    values = []
    for one, two in (first, second):
        one_tensor = one[0] if isinstance(one, tuple) and len(one) == 1 else one
        try:
            value = found.call("loss", one_term, one_tensor, two)
        except SubjectFault:
            return False
        if not isinstance(value, Tensor) or value.numel() not in (1, len(two)):
            return False
        values.append(float(value.float().mean()))
    return abs(values[0] - values[1]) > 1e-7


def _sums(namespace: Any, functions: Mapping[str, object]) -> Iterator[Sum]:
    """Every line of the file that adds one term of each kind, each as it comes or the KL with a weight."""
    tree = source_tree(namespace)
    scopes = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Module)]
    for scope in scopes:
        named: dict[str, ast.expr] = {}
        nodes = list(_within(scope))
        for node in nodes:
            if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
                named.setdefault(node.targets[0].id, node.value)
        reader = _Reader(functions, named, vars(namespace))
        for node in nodes:
            if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add) and (found := reader.sum(node)) is not None:
                yield found


def _within(scope: ast.AST) -> Iterator[ast.AST]:
    """What stands in a scope itself, not in the functions and classes within it."""
    for child in ast.iter_child_nodes(scope):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield child
            yield from _within(child)


@dataclass(frozen=True)
class _Reader:
    """Reads what expressions of one scope stand for."""

    functions: Mapping[str, object]
    named: Mapping[str, ast.expr]
    values: Mapping[str, object]

    def sum(self, node: ast.BinOp) -> Sum | None:
        terms = [self.term(node.left), self.term(node.right)]
        kinds = {("kl" if _KL.search(name) else "reconstruction"): (name, weight, how) for name, weight, how in filter(None, terms)}
        if len(kinds) != 2 or kinds["reconstruction"][1] is not None or kinds["reconstruction"][2] != kinds["kl"][2]:
            return None
        weight = kinds["kl"][1]
        number = 1.0 if weight is None else self.number(weight)
        shown = "" if weight is None else ast.unparse(weight)
        return Sum(kinds["reconstruction"][0], kinds["kl"][0], number, shown, kinds["kl"][2], node.lineno)

    def term(self, node: ast.expr, depth: int = 3) -> tuple[str, ast.expr | None, str] | None:
        """The function that an expression calls, its weight, and how its values are drawn together; None for anything else."""
        if isinstance(node, ast.Name) and depth and node.id in self.named:
            return self.term(self.named[node.id], depth - 1)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
            for weight, other in ((node.left, node.right), (node.right, node.left)):
                found = self.term(other, depth)
                if found is not None and found[1] is None and self.term(weight, depth) is None:
                    return found[0], weight, found[2]
            return None
        if not isinstance(node, ast.Call):
            return None
        name = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id if isinstance(node.func, ast.Name) else ""
        if name in self.functions and len(node.args) + len(node.keywords) == 2:
            return name, None, ""
        if name in _LENGTHS and isinstance(node.func, ast.Attribute) and not node.args and (found := self.term(node.func.value, depth)):
            return found[0], found[1], name
        return None

    def number(self, weight: ast.expr) -> float:
        """A weight's value where it is a number, or a name of the file that stands for one; 1 for what is not known before it runs."""
        value = self.values.get(weight.id) if isinstance(weight, ast.Name) else None
        here = self.named.get(weight.id) if isinstance(weight, ast.Name) else weight
        if isinstance(here, ast.Constant):
            value = here.value
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 1.0
