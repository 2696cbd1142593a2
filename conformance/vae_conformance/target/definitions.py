"""Extract the definitions of source code: imports, functions, classes and plain values, without the training code around them."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType
from typing import Any

from vae_conformance.errors import Unbound

_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
OWN_SCOPE = (*_DEFINITIONS, ast.Lambda)
"""The nodes that have a scope of their own."""
_CHEAP_CALLS = re.compile(
    r"(int|float|str|bool|len|tuple|list|dict|set|frozenset|range|min|max|sum|abs|round|pow|isinstance|sorted"
    r"|(?:torch\.)?(?:device|tensor|Size|finfo|[\w.]*is_available|accelerator\.\w+|log|sqrt|get_default_dtype)"
    r"|(?:math|np|numpy)\.\w+|(?:os\.path|path)\.\w+|(?:pathlib\.)?Path|(?:argparse\.)?Namespace|(?:types\.)?SimpleNamespace"
    r"|torch\.(?:as_tensor|from_numpy|zeros|ones|full|eye|arange|linspace|logspace|exp|pi)"
    r"|(?:collections\.)?namedtuple|(?:typing\.)?TypeVar|(?:functools\.)?partial|(?:logging\.)?getLogger|os\.(?:getenv|environ\.get)"
    r"|(?:vae_conformance\.)?Implementation|(?:torch\.)?(?:nn\.)?(?:\w+Loss|ReLU|LeakyReLU|ELU|GELU|SiLU|Sigmoid|Tanh|Softplus|Identity))"
)
_CHEAP_METHODS = re.compile(
    r"to|float|double|half|long|int|item|log|sqrt|exp|pow|abs|sum|mean|prod|view|reshape|unsqueeze|squeeze|expand|numpy|tolist|astype|detach"
    r"|clone|requires_grad_"
)
_FORBIDDEN = re.compile(r"(np|numpy)\.(load|loadtxt|genfromtxt|fromfile|save|random)\b.*")
_PARSER = re.compile(r"(argparse\.)?ArgumentParser")


@dataclass(frozen=True)
class Piece:
    """A compiled statement of the kept code.

    Attributes:
        code: the code object; its file name is that of the file, or of the notebook and the number of the code cell.
        place: its location in messages ("line 3", "cell 2, line 3").
        names: the names that it defines.
        imports: whether it is an import.
        uses: the names that it uses, if it is a class.
    """

    code: CodeType
    place: str
    names: tuple[str, ...]
    imports: bool = False
    uses: frozenset[str] | None = None


@dataclass(frozen=True)
class Failure:
    """A definition that could not run.

    Attributes:
        place: its location in messages.
        names: the names that it would define.
        fault: what happened, for a run that needs it.
        uses: the names that it uses, if it is a class.
    """

    place: str
    names: tuple[str, ...]
    fault: Unbound
    uses: frozenset[str] | None = None

    @property
    def shown(self) -> str:
        """Its location and its names."""
        return f"{self.place} ({', '.join(self.names)})" if self.names else self.place


@dataclass(frozen=True)
class Definitions:
    """The kept code of a file or a notebook.

    Attributes:
        pieces: the code to execute, in this order, in one namespace.
        left_out: the first and the last line of each range that was left out, by piece of the source.
        lost: the location ("line 3", "cell 2, line 3") of the assignment of each name that only left-out lines assign.
        calls: whether the left-out lines at module level call anything.
        unparsed: the statements that are not Python.
    """

    pieces: tuple[Piece, ...]
    left_out: tuple[tuple[int, int], ...]
    lost: Mapping[str, str]
    calls: bool
    unparsed: tuple[Failure, ...] = ()


@dataclass
class _Known:
    """The names that earlier statements defined, by kind, and the statements left out so far.

    Attributes:
        missing: names whose definition was left out.
        lost: the location of each left-out definition, by name.
        classes: kept classes.
        records: the dataclasses among them.
        parsers: argument parsers without required arguments.
        settings: the namespaces that these parsers returned.
        left_out: the line range of each left-out statement, None between two where something was kept.
        calls: whether a left-out statement calls something.
        place: the label of a line in messages, before its number.
    """

    missing: set[str] = field(default_factory=set)
    lost: dict[str, str] = field(default_factory=dict)
    classes: set[str] = field(default_factory=set)
    records: set[str] = field(default_factory=set)
    parsers: set[str] = field(default_factory=set)
    settings: set[str] = field(default_factory=set)
    left_out: list[tuple[int, int] | None] = field(default_factory=list)
    calls: bool = False
    place: str = "line"


def definitions_of(path: Path) -> Definitions | None:
    """Return the definitions of a file; None if it does not parse, or has neither a class nor a function nor imports of its siblings."""
    try:
        tree = ast.parse(path.read_bytes(), str(path))
        kept = definitions([(str(path), "line", tree.body)], path.parent)
    except (SyntaxError, ValueError):
        return None
    own = any(isinstance(statement, _DEFINITIONS) for statement in tree.body)
    return kept if own or any(piece.imports for piece in kept.pieces) else None


def definitions(sources: Sequence[tuple[str, str, Sequence[ast.stmt]]], folder: Path) -> Definitions:
    """Extract and compile the definitions of some source.

    Kept: the imports that kept code uses or, where no class is defined, those from files of the folder; functions, classes,
    assignments of values, arithmetic, cheap calls without side effects (`torch.device`, `torch.cuda.is_available`, `nn.BCELoss`), and an
    argument parser without required arguments.
    Left out: loops, with blocks, bare calls and all other assignments, so that no data set is loaded and nothing is trained.

    Args:
        sources: the file, or each cell: its name in tracebacks, the label of its lines in messages ("line", "cell 2, line"), and its
            statements, which are modified in place.
        folder: where the file is.
    """
    known = _Known()
    trees: list[tuple[str, str, list[ast.stmt]]] = []
    for filename, place, statements in sources:
        known.place = place
        trees.append((filename, place, [kept for statement in statements for kept in _kept(statement, known)]))
    used = {
        name
        for _, _, body in trees
        for statement in body
        if not isinstance(statement, ast.Import | ast.ImportFrom)
        for name in _names(statement)
    }
    flags = 0
    pieces: list[Piece] = []
    siblings = frozenset() if known.classes else frozenset(one.stem for one in folder.iterdir() if one.is_dir() or one.suffix == ".py")
    for filename, place, body in trees:
        needed = [statement for statement in body if _is_needed(statement, used, siblings)]
        flags |= _future_flags(needed)
        pieces += [_piece(filename, place, statement, flags) for statement in needed]
    return Definitions(tuple(pieces), tuple(_stretches(known.left_out)), known.lost, known.calls)


def _piece(filename: str, place: str, statement: ast.stmt, flags: int) -> Piece:
    code = compile(ast.Module([statement], type_ignores=[]), filename, "exec", flags=flags, dont_inherit=True)
    uses = frozenset(_names(statement)) if isinstance(statement, ast.ClassDef) else None
    names = tuple(_bound_names(statement))
    return Piece(code, f"{place} {statement.lineno}", names, isinstance(statement, ast.Import | ast.ImportFrom), uses)


def _stretches(lines: Sequence[tuple[int, int] | None]) -> Iterator[tuple[int, int]]:
    """Merge adjacent ranges of left-out lines."""
    open_one: tuple[int, int] | None = None
    for one in [*lines, None]:
        if one is None or (open_one is not None and one[0] < open_one[0]):
            if open_one is not None:
                yield open_one
            open_one = one
        else:
            open_one = one if open_one is None else (open_one[0], one[1])


def _kept(statement: ast.stmt, known: _Known) -> list[ast.stmt]:
    """Return the statement, the kept blocks of a conditional or a try, or nothing; record the names whose definition is left out."""
    if isinstance(statement, ast.If) and _is_main_guard(statement.test):
        known.left_out.append(None)
        _lose(statement, known)
        return []
    if isinstance(statement, ast.If) and _is_cheap(statement.test, known):
        return _kept_blocks(statement, known, ("body", "orelse"))
    if isinstance(statement, ast.Try):
        for handler in statement.handlers:
            _kept_blocks(handler, known, ("body",))
        return _kept_blocks(statement, known, ("body", "orelse", "finalbody"))
    if _is_kept(statement, known):
        for name in _bound_names(statement):
            known.missing.discard(name)
            known.lost.pop(name, None)
        if isinstance(statement, ast.ClassDef):
            known.classes.add(statement.name)
            if any("dataclass" in ast.unparse(decorator) for decorator in statement.decorator_list):
                known.records.add(statement.name)
        known.left_out.append(None)
        return [statement]
    if not isinstance(statement, ast.Pass) and not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)):
        known.left_out.append((statement.lineno, statement.end_lineno or statement.lineno))
        known.calls |= any(isinstance(node, ast.Call) for node in ast.walk(statement))
    _lose(statement, known)
    return []


def _lose(statement: ast.stmt, known: _Known) -> None:
    for name in _bound_names(statement):
        known.missing.add(name)
        known.lost.setdefault(name, f"{known.place} {statement.lineno}")


def _is_main_guard(test: ast.expr) -> bool:
    return isinstance(test, ast.Compare) and any(isinstance(node, ast.Name) and node.id == "__name__" for node in ast.walk(test))


def _kept_blocks(node: Any, known: _Known, blocks: tuple[str, ...]) -> list[ast.stmt]:
    """Return the compound statement with its blocks reduced to what is kept; nothing if all blocks end up empty."""
    reduced = {name: [kept for inner in getattr(node, name) for kept in _kept(inner, known)] for name in blocks}
    if not any(reduced.values()) and not isinstance(node, ast.ExceptHandler):
        return []
    for name, body in reduced.items():
        setattr(node, name, body or ([ast.copy_location(ast.Pass(), node)] if name == "body" else []))
    return [node]


def _is_kept(statement: ast.stmt, known: _Known) -> bool:
    match statement:
        case ast.Import() | ast.ImportFrom() | ast.ClassDef():
            return True
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            # Its defaults and decorators run when it is defined.
            outer = [*statement.decorator_list, *statement.args.defaults, *filter(None, statement.args.kw_defaults)]
            return not any(name in known.missing for expression in outer for name in _names(expression))
        case ast.Assign(targets=targets, value=value):
            return _of_command_line(statement, known) or (all(_is_plain_target(one, known) for one in targets) and _is_cheap(value, known))
        case ast.AnnAssign(target=target, value=value):
            return value is None or (_is_plain_target(target, known) and _is_cheap(value, known))
        case ast.AugAssign(target=ast.Name(id=name), value=value):
            return name not in known.missing and _is_cheap(value, known)
        case ast.Expr(value=ast.Call()):
            return _of_command_line(statement, known)
    return isinstance(statement, getattr(ast, "TypeAlias", ast.ClassDef))


def _of_command_line(statement: ast.Assign | ast.Expr, known: _Known) -> bool:
    """Return whether it creates an argument parser, adds to one, or parses an empty command line that the parser accepts."""
    call = statement.value
    target = statement.targets[0] if isinstance(statement, ast.Assign) else None
    if not isinstance(call, ast.Call) or not (target is None or isinstance(target, ast.Name)):
        return False
    given = [*call.args, *(keyword.value for keyword in call.keywords)]
    if not all(_is_cheap(one, known) for one in given):
        return False
    if target is not None and _PARSER.fullmatch(ast.unparse(call.func)):
        known.parsers.add(target.id)
        return True
    if not (isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Name) and call.func.value.id in known.parsers):
        return False
    if call.func.attr == "add_argument":
        if _is_required(call):
            known.parsers.discard(call.func.value.id)
        return call.func.value.id in known.parsers
    if call.func.attr == "parse_args" and target is not None:
        known.settings.add(target.id)
        return True
    return call.func.attr == "set_defaults"


def _is_required(call: ast.Call) -> bool:
    """Return whether this argument of the command line is required."""
    first = call.args[0].value if call.args and isinstance(call.args[0], ast.Constant) else ""
    words = {keyword.arg: getattr(keyword.value, "value", None) for keyword in call.keywords}
    return words.get("required") is True or (not str(first).startswith("-") and words.get("nargs") not in ("?", "*"))


def _is_plain_target(target: ast.expr, known: _Known) -> bool:
    """Accept names, attributes of the file's own classes (`VAE.loss = loss`) and of its parsed arguments (`args.cuda = False`)."""
    if isinstance(target, ast.Tuple | ast.List):
        return all(_is_plain_target(element, known) for element in target.elts)
    if isinstance(target, ast.Attribute):
        return isinstance(target.value, ast.Name) and target.value.id in known.classes | known.settings
    return isinstance(target, ast.Name)


def _is_cheap(value: ast.expr, known: _Known) -> bool:
    """Return whether evaluating it is cheap, reads no files, and uses only names that were kept."""
    for node in walk_outside([value], (ast.Lambda,)):
        if isinstance(node, ast.Name) and node.id in known.missing:
            return False
        if isinstance(node, ast.Await | ast.Yield | ast.YieldFrom):
            return False
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if isinstance(node.func, ast.Attribute) and _CHEAP_METHODS.fullmatch(node.func.attr) and not _is_module_like(node.func.value):
                continue
            if called not in known.records and (not _CHEAP_CALLS.fullmatch(called) or _FORBIDDEN.fullmatch(called)):
                return False
    return True


def _is_module_like(value: ast.expr) -> bool:
    """Return whether it may be a module or an object with methods of its own: a name that is not written as a constant."""
    root = value
    while isinstance(root, ast.Attribute):
        root = root.value
    return isinstance(root, ast.Name) and not root.id.isupper()


def _names(node: ast.AST) -> Iterator[str]:
    """Yield the names that a statement uses, including those in quoted annotations."""
    for inner in ast.walk(node):
        if isinstance(inner, ast.Name):
            yield inner.id
        elif isinstance(inner, ast.Constant) and isinstance(inner.value, str) and len(inner.value) < 80:
            yield from re.findall(r"[A-Za-z_]\w*", inner.value)


def _bound_names(statement: ast.AST) -> Iterator[str]:
    """Yield the names that a statement defines, in its blocks too, but not inside functions and classes."""
    for node in walk_outside([statement], OWN_SCOPE):
        if isinstance(node, _DEFINITIONS):
            yield node.name
        elif isinstance(node, ast.alias):
            yield (node.asname or node.name).partition(".")[0]
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


def walk_outside(nodes: Iterable[ast.AST], closed: tuple[type[ast.AST], ...]) -> Iterator[ast.AST]:
    """Yield the nodes and their descendants, except those inside nodes of the closed types."""
    waiting = list(nodes)
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, closed):
            waiting += ast.iter_child_nodes(node)


def _is_needed(statement: ast.stmt, used: set[str], siblings: frozenset[str]) -> bool:
    """Return whether a statement is needed; reduce an import of anything but the siblings to the names that kept code uses."""
    if isinstance(statement, ast.ImportFrom) and (statement.level or (statement.module or "").partition(".")[0] in siblings):
        return True
    if isinstance(statement, ast.Import | ast.ImportFrom) and getattr(statement, "module", None) != "__future__":
        statement.names = [alias for alias in statement.names if set(_bound_names(alias)) & (used | {"*"})]
        return bool(statement.names)
    return True


def _future_flags(statements: list[ast.stmt]) -> int:
    """Return the compiler flags of `from __future__` imports, which apply to all later code, including later cells of a notebook."""
    features = importlib.import_module("__future__")
    flags = 0
    for statement in statements:
        if isinstance(statement, ast.ImportFrom) and statement.module == "__future__":
            for alias in statement.names:
                flags |= getattr(features, alias.name).compiler_flag
    return flags
