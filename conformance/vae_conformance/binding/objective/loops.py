"""Training loops of a file, run with stand-ins up to the point where they differentiate their loss."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import CodeType, FunctionType
from typing import Any

from torch import Tensor, nn

from vae_conformance.binding.objective.stand_ins import Batches, Stage, gives_weight, names_data, until_backward
from vae_conformance.target.adapter import inner_of
from vae_conformance.target.source_code import source_pieces

_BACKWARD = ("backward", "manual_backward")
_LAST, _GIVEN, _BATCHES, _SETTLED = "__last_of__", "__given__", "__batches_of__", "__settled__"
_NAMES = 25
"""The most names that a loop may miss before it is given up."""
Functions = ast.FunctionDef | ast.AsyncFunctionDef
Loops = ast.For | ast.While | ast.AsyncFor


Run = Callable[[], Tensor | None]


@dataclass(frozen=True)
class Loop:
    """A training loop.

    Attributes:
        account: what messages call it, such as "lines 40 to 48 of train".
        staged: sets the stage once, and gives what runs the loop on what its loader gives then, up to what it differentiates.
        own: stands where the loop does, for those who are sent to it.
    """

    account: str
    staged: Callable[[Stage], Run]
    own: Callable[..., Any]


def loops_of(namespace: object) -> Iterator[Loop]:
    """The training loops of a file: of its functions, of the methods of its classes, and of the script itself."""
    pieces = source_pieces(namespace)
    held = vars(namespace) if namespace is not None else {}
    script: list[tuple[str, ast.stmt]] = []
    for place, tree in pieces:
        cell = place.removesuffix("line")
        for statement in tree.body:
            if isinstance(statement, Functions) and (call := _backward_in(statement)) is not None:
                yield _loop(statement, call, held, cell)
            elif isinstance(statement, ast.ClassDef):
                for method in statement.body:
                    if isinstance(method, Functions) and (call := _backward_in(method)) is not None:
                        yield _loop(method, call, held, cell, statement.name)
        script += [(cell, one) for statement in tree.body for one in _unguarded(statement)]
    if (found := next(((cell, one, call) for cell, one in script if (call := _own_backward(one)) is not None), None)) is not None:
        cell, last, call = found
        before = [one for _cell, one in script[: [one for _cell, one in script].index(last)]]
        yield _loop(last, call, held, cell, before=before)


def _unguarded(statement: ast.stmt) -> list[ast.stmt]:
    """A statement of a script, or those behind `if __name__ == "__main__"`."""
    guards = isinstance(statement, ast.If) and "__name__" in ast.unparse(statement.test)
    return statement.body if guards and isinstance(statement, ast.If) else [statement]


def _backward_in(scope: ast.AST) -> ast.Call | None:
    """The first call in a scope that differentiates something, in a closure too, but not in another class."""
    for node in ast.iter_child_nodes(scope):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _BACKWARD:
            return node
        if not isinstance(node, ast.ClassDef | ast.Lambda) and (inner := _backward_in(node)) is not None:
            return inner
    return None


def _own_backward(statement: ast.stmt) -> ast.Call | None:
    return None if isinstance(statement, Functions | ast.ClassDef) else _backward_in(statement)


def _place(cell: str, scope: ast.AST, call: ast.Call, where: str, held: dict[str, Any]) -> tuple[str, FunctionType]:
    """What messages call a loop, and a function that stands where its body does, for those who are sent there."""
    inner = [node for node in ast.walk(scope) if isinstance(node, Loops) and _holds(node, call)]
    first = inner[-1].body[0].lineno if inner else getattr(scope, "lineno", call.lineno)
    file = str(held.get("__file__") or "<script>") + (f", {cell.removesuffix(', ')}" if cell else "")
    marker = compile(f"def {where or 'training'}(): pass", file, "exec").co_consts[0].replace(co_firstlineno=first)
    return f"{cell}lines {first} to {call.lineno}{f' of {where}' if where else ''}", FunctionType(marker, {})


def _call_of(name: str, argument: ast.expr) -> ast.expr:
    return ast.Call(ast.Name(name, ast.Load()), [argument], [])


def _stood_in(name: str) -> ast.expr:
    return _call_of(_GIVEN, ast.Constant(name))


class _Prepared(ast.NodeTransformer):
    """Lets outer loops begin with their last round, a weight that a loop computes be given, and the data be stood in for."""

    def __init__(self, call: ast.Call, *, looped: bool) -> None:
        self._call = call
        self._depth = 0
        self._looped = looped

    def visit_For(self, node: ast.For) -> ast.AST:
        """A loop around the loop that differentiates begins with its last round."""
        if not _holds(node, self._call):
            return node
        outer = any(isinstance(one, Loops) and _holds(one, self._call) for statement in node.body for one in ast.walk(statement))
        self._depth += 1
        self.generic_visit(node)
        self._depth -= 1
        node.iter = _call_of(_LAST if outer else _BATCHES, node.iter)
        return node

    def visit_Import(self, node: ast.Import | ast.ImportFrom) -> ast.AST:
        """What cannot be imported is stood in for."""
        names = [one.asname or one.name.partition(".")[0] for one in node.names if one.name != "*"]
        stood: list[ast.stmt] = [ast.Assign([ast.Name(name, ast.Store())], _stood_in(name)) for name in names]
        return ast.Try([node], [ast.ExceptHandler(ast.Name("Exception", ast.Load()), None, stood or [ast.Pass()])], [], [])

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST:
        """The same for names of a module."""
        return self.visit_Import(node)

    def visit_Assign(self, node: ast.Assign) -> ast.AST:
        """A weight that changes from round to round is given; data that are loaded before are stood in for."""
        self.generic_visit(node)
        stored = [one.id for target in node.targets for one in ast.walk(target) if isinstance(one, ast.Name)]
        if not self._depth and isinstance(node.value, ast.Call):
            if stored and all(map(names_data, stored)):
                node.value = _stood_in(stored[0]) if len(stored) == 1 else ast.Tuple(list(map(_stood_in, stored)), ast.Load())
                return node
            node.value = _call_of(_SETTLED, node.value)
        name = getattr(node.targets[0], "id", getattr(node.targets[0], "attr", ""))
        if (self._depth or not self._looped) and len(node.targets) == 1 and gives_weight(name) and not isinstance(node.value, ast.Constant):
            node.value = _stood_in(name)
        return node


def _holds(node: ast.AST, call: ast.Call) -> bool:
    return any(one is call for one in ast.walk(node))


def _last_of(several: Any) -> Any:
    """The last round of a loop over epochs, where it can be had without the others."""
    if isinstance(several, range | list | tuple):
        return several[-1:]
    return several


def _prepared(statement: ast.stmt, call: ast.Call) -> ast.stmt:
    looped = any(isinstance(one, Loops) and _holds(one, call) for one in ast.walk(statement))
    prepared: ast.stmt = _Prepared(call, looped=looped).visit(statement)
    return prepared


def _scope(held: dict[str, Any], stage: Stage) -> dict[str, Any]:
    """The names of a file, as the loop sees them."""
    names = {name: stage.settled(value) for name, value in held.items() if value is not None}
    return names | {_LAST: _last_of, _GIVEN: stage.of, _BATCHES: stage.batches, _SETTLED: stage.settled}


def _patiently(stage: Stage, names: dict[str, Any], call: Callable[[], object]) -> Tensor | None:
    """Run code until it differentiates; a name that is not there gets a stand-in, and the code another try."""
    for _ in range(_NAMES):
        try:
            return until_backward(call, stage.rounds)
        except NameError as missing:
            if missing.name is None or missing.name in names:
                raise
            names[missing.name] = stage.of(missing.name)
    return None


def _arguments(function: Callable[..., Any], stage: Stage) -> dict[str, Any]:
    """What a function is called with: its defaults where it has them, stand-ins for the rest."""
    given = {}
    for name, one in inspect.signature(function).parameters.items():
        if one.kind in (one.VAR_POSITIONAL, one.VAR_KEYWORD):
            continue
        if one.default is one.empty or (one.default is None and one.name != "self"):
            given[name] = stage.of(name)
        elif gives_weight(name) and isinstance(one.default, float | int):
            stage.weights[name] = None
            given[name] = one.default * stage.weight if one.default > 0 else stage.weight
        elif one.default in ("cuda", "cuda:0", "mps", "gpu"):
            given[name] = "cpu"
    return given


def _code(statements: list[ast.stmt], held: dict[str, Any]) -> CodeType:
    tree = ast.fix_missing_locations(ast.Module(statements, []))
    return compile(tree, str(held.get("__file__") or "<script>"), "exec")


def _defined(code: CodeType, name: str, names: dict[str, Any]) -> Callable[..., Any]:
    """The author's function, among these names."""
    exec(code, names)  # noqa: S102  the author's own definition
    function: Callable[..., Any] = names[name]
    return function


def _bare(definition: Functions) -> Functions:
    """A definition without decorators and annotations, whose names need not be there."""
    definition.decorator_list, definition.returns = [], None
    for one in (*definition.args.posonlyargs, *definition.args.args, *definition.args.kwonlyargs):
        one.annotation = None
    return definition


def _loop(statement: ast.stmt, call: ast.Call, held: dict[str, Any], cell: str, kind: str = "", before: Sequence[ast.stmt] = ()) -> Loop:
    """The loop in a function, in a method of a class of this name, or in a statement of a script that has others before it."""
    name = statement.name if isinstance(statement, Functions) else ""
    account, own = _place(cell, statement, call, name, held)
    code = _code([_prepared(_bare(statement) if isinstance(statement, Functions) else statement, call)], held)
    owner = held.get(kind)

    def staged(stage: Stage) -> Run:
        names = _scope(held, stage)
        for one in before:
            _set_the_stage(one, names, stage)
        function, this = None if not name else _defined(code, name, names), {}
        if function is not None and kind:
            models = isinstance(owner, type) and isinstance(inner_of(stage.model), owner)
            this = {next(iter(inspect.signature(function).parameters)): stage.model if models else _trainer(owner, stage)}

        def body() -> None:
            if function is None:
                exec(code, names)  # noqa: S102  the author's own loop
            else:
                function(**{**_arguments(function, stage), **this})

        def run() -> Tensor | None:
            stage.refresh(names)
            return _patiently(stage, names, body)

        return run

    return Loop(account, staged, own)


def _trainer(kind: Any, stage: Stage) -> Any:
    """An object of a class that trains the model, with stand-ins for what it needs and does not have."""
    if not isinstance(kind, type) or issubclass(kind, nn.Module):
        return stage.of("trainer")
    members: dict[str, Any] = {"__getattr__": lambda _self, name: _attribute(stage, name)}
    # A weight that is computed, as in a warm-up, is given.
    computed = [name for name in dir(kind) if gives_weight(name) and isinstance(inspect.getattr_static(kind, name), property)]
    members |= {name: property(lambda _self, name=name: stage.of(name)) for name in computed}  # type: ignore[misc]
    turned: Any = type(kind.__name__, (kind,), members)
    this = turned.__new__(turned)
    with suppress(Exception):  # what the constructor did not come to is stood in for
        until_backward(lambda: turned.__init__(this, **_arguments(kind, stage)))
    for name, value in list(vars(this).items()):
        vars(this)[name] = stage.settled(value)
    return this


def _attribute(stage: Stage, name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    return stage.of(name)


def _set_the_stage(statement: ast.stmt, names: dict[str, Any], stage: Stage) -> None:
    """Let a script assign what its loop needs, but for what the file itself has run and for data; what fails gets stand-ins."""
    if not isinstance(statement, ast.Assign | ast.AnnAssign):
        return
    stored = [one.id for one in ast.walk(statement) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)]
    missing = [one for one in stored if one not in names]
    stood = {name: stage.of(name) for name in missing}
    data = any(isinstance(one, Batches) for one in stood.values())
    if not missing:
        return
    if not data:
        with suppress(Exception):  # it needs what is not there: a stand-in takes its place
            code = _code([statement], names)
            if _patiently(stage, names, lambda: exec(code, names)) is None:  # noqa: S102  the author's own assignment
                names |= {name: stage.settled(names[name]) for name in stored if names.get(name) is not None}
                names |= {name: one for name, one in stood.items() if names.get(name) is None}
                return
    names |= stood
