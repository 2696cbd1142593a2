"""Training loops of a file, run with stand-ins up to the point where they differentiate their loss."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from types import CodeType, FunctionType
from typing import Any

from torch import Tensor, nn

from vae_conformance.binding.objective.stand_ins import Batches, Stage, gives_weight, names_data, until_backward
from vae_conformance.target.adapter import inner_of
from vae_conformance.target.source_code import source_pieces

_BACKWARD = ("backward", "manual_backward")
_LAST, _GIVEN, _BATCHES, _SETTLED, _MODEL = "__last_of__", "__given__", "__batches_of__", "__settled__", "__model__"
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


def loops_of(model: Any, namespace: object) -> Iterator[Loop]:
    """The training loops of a file: of its functions, of the methods of its classes, and of the script itself."""
    pieces = source_pieces(namespace)
    held = vars(namespace) if namespace is not None else {}
    script: list[tuple[str, ast.stmt]] = []
    for place, tree in pieces:
        cell = place.removesuffix("line")
        for statement in tree.body:
            if isinstance(statement, Functions) and (call := _backward_in(statement)) is not None:
                yield _of_function(statement, call, held, cell, model)
            elif isinstance(statement, ast.ClassDef):
                for method in statement.body:
                    if isinstance(method, Functions) and (call := _backward_in(method)) is not None:
                        yield _of_method(statement, method, call, held, cell, model)
        script += [(cell, one) for statement in tree.body for one in _unguarded(statement)]
    if (found := next(((cell, one, call) for cell, one in script if (call := _own_backward(one)) is not None), None)) is not None:
        cell, last, call = found
        before = [one for _cell, one in script[: [one for _cell, one in script].index(last)]]
        yield _of_script([*before, last], call, held, cell, model)


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
    inner = [node for node in ast.walk(scope) if isinstance(node, Loops) and any(one is call for one in ast.walk(node))]
    first = inner[-1].body[0].lineno if inner else getattr(scope, "lineno", call.lineno)
    file = str(held.get("__file__") or "<script>") + (f", {cell.removesuffix(', ')}" if cell else "")
    marker = compile(f"def {where or 'training'}(): pass", file, "exec").co_consts[0].replace(co_firstlineno=first)
    return f"{cell}lines {first} to {call.lineno}{f' of {where}' if where else ''}", FunctionType(marker, {})


class _Prepared(ast.NodeTransformer):
    """Lets outer loops begin with their last round, a weight that a loop computes be given, and the model and the data be stood in for."""

    def __init__(self, call: ast.Call, models: frozenset[str], *, looped: bool) -> None:
        self._call = call
        self._models = models
        self._depth = 0
        self._looped = looped

    def _holds(self, node: ast.AST) -> bool:
        return any(one is self._call for one in ast.walk(node))

    def visit_For(self, node: ast.For) -> ast.AST:
        """A loop around the loop that differentiates begins with its last round."""
        if not self._holds(node):
            return node
        outer = any(isinstance(one, Loops) and self._holds(one) for statement in node.body for one in ast.walk(statement))
        self._depth += 1
        self.generic_visit(node)
        self._depth -= 1
        called = ast.Name(_LAST if outer else _BATCHES, ast.Load())
        node.iter = ast.copy_location(ast.Call(called, [node.iter], []), node.iter)
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """Where the model is constructed there is one already."""
        if isinstance(node.func, ast.Name) and node.func.id in self._models:
            return ast.copy_location(ast.Name(_MODEL, ast.Load()), node)
        return self.generic_visit(node)

    def visit_Import(self, node: ast.Import | ast.ImportFrom) -> ast.AST:
        """What cannot be imported is stood in for."""
        names = [one.asname or one.name.partition(".")[0] for one in node.names if one.name != "*"]
        stood: list[ast.stmt] = [
            ast.Assign([ast.Name(name, ast.Store())], ast.Call(ast.Name(_GIVEN, ast.Load()), [ast.Constant(name)], [])) for name in names
        ]
        instead = ast.ExceptHandler(ast.Name("Exception", ast.Load()), None, stood or [ast.Pass()])
        return ast.copy_location(ast.Try([node], [instead], [], []), node)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST:
        """The same for names of a module."""
        return self.visit_Import(node)

    def visit_Assign(self, node: ast.Assign) -> ast.AST:
        """A weight that changes from round to round is given; data that are loaded before are stood in for."""
        self.generic_visit(node)
        stored = [one for target in node.targets for one in ast.walk(target) if isinstance(one, ast.Name)]
        if not self._depth and stored and all(names_data(one.id) for one in stored) and isinstance(node.value, ast.Call):
            stood: list[ast.expr] = [ast.Call(ast.Name(_GIVEN, ast.Load()), [ast.Constant(one.id)], []) for one in stored]
            node.value = ast.copy_location(stood[0] if len(stood) == 1 else ast.Tuple(stood, ast.Load()), node.value)
            return node
        if not self._depth and isinstance(node.value, ast.Call):
            node.value = ast.copy_location(ast.Call(ast.Name(_SETTLED, ast.Load()), [node.value], []), node.value)
        target = node.targets[0]
        name = target.id if isinstance(target, ast.Name) else target.attr if isinstance(target, ast.Attribute) else ""
        if (self._depth or not self._looped) and len(node.targets) == 1 and gives_weight(name) and not isinstance(node.value, ast.Constant):
            node.value = ast.copy_location(ast.Call(ast.Name(_GIVEN, ast.Load()), [ast.Constant(name)], []), node.value)
        return node


def _last_of(several: Any) -> Any:
    """The last round of a loop over epochs, where it can be had without the others."""
    if isinstance(several, range | list | tuple):
        return several[-1:]
    return several


def _prepared(statement: ast.stmt, call: ast.Call, model: Any) -> ast.stmt:
    models = frozenset(kind.__name__ for kind in type(inner_of(model)).__mro__ if not kind.__module__.startswith(("torch.", "builtins")))
    looped = any(isinstance(one, Loops) and any(inner is call for inner in ast.walk(one)) for one in ast.walk(statement))
    prepared: ast.stmt = _Prepared(call, models, looped=looped).visit(statement)
    return prepared


def _scope(held: dict[str, Any], stage: Stage) -> dict[str, Any]:
    """The names of a file, as the loop sees them."""
    names = {name: stage.settled(value) for name, value in held.items() if value is not None}
    return names | {_LAST: _last_of, _GIVEN: stage.of, _BATCHES: stage.batches, _SETTLED: stage.settled, _MODEL: stage.model}


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


def _of_function(definition: Functions, call: ast.Call, held: dict[str, Any], cell: str, model: Any) -> Loop:
    account, own = _place(cell, definition, call, definition.name, held)
    code = _code([_prepared(_bare(definition), call, model)], held)

    def staged(stage: Stage) -> Run:
        names = _scope(held, stage)
        function = _defined(code, definition.name, names)

        def run() -> Tensor | None:
            stage.refresh(names)
            return _patiently(stage, names, lambda: function(**_arguments(function, stage)))

        return run

    return Loop(account, staged, own)


def _of_method(kind: ast.ClassDef, definition: Functions, call: ast.Call, held: dict[str, Any], cell: str, model: Any) -> Loop:
    owner = held.get(kind.name)
    account, marker = _place(cell, definition, call, definition.name, held)
    code = _code([_prepared(_bare(definition), call, model)], held)

    def staged(stage: Stage) -> Run:
        names = _scope(held, stage)
        function = _defined(code, definition.name, names)
        own = isinstance(owner, type) and isinstance(inner_of(model), owner)
        this = {next(iter(inspect.signature(function).parameters)): model if own else _trainer(owner, stage)}

        def run() -> Tensor | None:
            stage.refresh(names)
            return _patiently(stage, names, lambda: function(**{**_arguments(function, stage), **this}))

        return run

    return Loop(account, staged, marker)


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


def _of_script(statements: list[ast.stmt], call: ast.Call, held: dict[str, Any], cell: str, model: Any) -> Loop:
    account, own = _place(cell, statements[-1], call, "", held)
    code = _code([_prepared(statements[-1], call, model)], held)

    def staged(stage: Stage) -> Run:
        names = _scope(held, stage)
        for one in statements[:-1]:
            _set_the_stage(one, names, stage)

        def run() -> Tensor | None:
            stage.refresh(names)
            return _patiently(stage, names, lambda: exec(code, names))  # noqa: S102  the author's own loop

        return run

    return Loop(account, staged, own)


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
