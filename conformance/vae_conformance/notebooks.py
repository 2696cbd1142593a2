"""Reads a notebook for its imports, functions, classes and plain values, without the training around them."""

from __future__ import annotations

import ast
import importlib
import json
import linecache
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from vae_conformance.errors import Unbound

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import CodeType

_MAGIC = re.compile(r"(?P<indent>\s*)(?:[\w, ]+=\s*)?(?:%{1,2}[A-Za-z]|!|\?)|(?P<before>\s*)[\w.]+\?{1,2}\s*$")
_PYTHON_CELLS = frozenset({"time", "timeit", "capture", "prun", "python", "python3", "pypy"})
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_CHEAP_CALLS = re.compile(
    r"(int|float|str|bool|len|tuple|list|dict|set|frozenset|range|min|max|sum|abs|round|pow|isinstance|sorted"
    r"|(?:torch\.)?(?:device|tensor|Size|finfo|[\w.]*is_available|accelerator\.\w+|log|sqrt|get_default_dtype)"
    r"|(?:math|np|numpy)\.\w+|(?:os\.path|path)\.\w+|(?:pathlib\.)?Path|(?:argparse\.)?Namespace|(?:types\.)?SimpleNamespace"
    r"|(?:collections\.)?namedtuple|(?:typing\.)?TypeVar|(?:functools\.)?partial|(?:logging\.)?getLogger|os\.(?:getenv|environ\.get)"
    r"|(?:vae_conformance\.)?Implementation|(?:torch\.)?(?:nn\.)?(?:\w+Loss|ReLU|LeakyReLU|ELU|GELU|SiLU|Sigmoid|Tanh|Softplus|Identity))"
)
_FORBIDDEN = re.compile(r"(np|numpy)\.(load|loadtxt|genfromtxt|fromfile|save|random)\b.*")


@dataclass(frozen=True)
class Cell:
    """The kept part of one code cell: its name in tracebacks (file and number among the code cells), and its code."""

    filename: str
    code: CodeType


@dataclass
class _Known:
    """What earlier cells defined: names whose definition was left out, kept classes, and dataclasses among these."""

    missing: set[str] = field(default_factory=set)
    classes: set[str] = field(default_factory=set)
    records: set[str] = field(default_factory=set)


def notebook_source(path: Path) -> tuple[Cell, ...]:
    """The definitions of a notebook (nbformat 3 or 4), cell by cell, ready to be executed in one namespace.

    Kept: the imports that something kept uses, functions, classes, and assignments of values, arithmetic of names,
    calls that only describe something (`torch.device`, `torch.cuda.is_available`, `nn.BCELoss`). Left out: magics,
    loops, with blocks, bare calls and every other assignment, so that no data set is loaded and nothing is trained.

    Raises:
        Unbound: it is no notebook, has no code cells, or a cell that defines a class does not parse.
    """
    known = _Known()
    trees: list[tuple[str, list[ast.stmt]]] = []
    for number, text in enumerate(_code_cells(path), start=1):
        filename = f"{path}, cell {number}"
        tree = _parse(text, filename, f"{path.name}, cell {number}")
        linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
        trees.append((filename, [kept for statement in tree for kept in _kept(statement, known)]))
    used = {
        name
        for _, body in trees
        for statement in body
        if not isinstance(statement, ast.Import | ast.ImportFrom)
        for name in _names(statement)
    }
    flags = 0
    cells = []
    for filename, body in trees:
        needed = [statement for statement in body if _is_needed(statement, used)]
        flags |= _future_flags(needed)
        code = compile(ast.Module(needed, type_ignores=[]), filename, "exec", flags=flags, dont_inherit=True)
        cells.append(Cell(filename, code))
    return tuple(cells)


def _code_cells(path: Path) -> Iterator[str]:
    try:
        notebook: Any = json.loads(path.read_text(encoding="utf-8-sig"))
    except ValueError as fault:
        raise Unbound(
            f"{path.name} is not a notebook: its content is not JSON ({fault})",
            "Save it again as .ipynb, or export it as a Python file and name that.",
        ) from fault
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    if cells is None and isinstance(notebook, dict):
        sheets = notebook.get("worksheets")
        cells = [cell for sheet in sheets for cell in sheet.get("cells", [])] if isinstance(sheets, list) else None
    if not isinstance(cells, list):
        raise Unbound(f"{path.name} is not a notebook: it has no list of cells", "Save it again as .ipynb.")
    sources = [cell.get("source", cell.get("input", "")) for cell in cells if isinstance(cell, dict) and cell.get("cell_type") == "code"]
    texts = ["".join(source) if isinstance(source, list) else str(source) for source in sources]
    if not any(text.strip() for text in texts):
        raise Unbound(f"{path.name} has no code cells", "Name the notebook or the file that defines the model.")
    yield from texts


def _parse(text: str, filename: str, shown: str) -> list[ast.stmt]:
    """The statements of a cell; none where it does not parse and defines no class."""
    cell_magic = re.match(r"\s*%%(\w+)", text)
    if cell_magic and cell_magic[1] not in _PYTHON_CELLS:
        return []
    try:
        tree = ast.parse(_without_magics(text), filename)
        compile(tree, filename, "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as fault:
        if not re.search(r"^\s*class\s+\w", text, re.MULTILINE):
            return []
        line = getattr(fault, "lineno", None)
        lines = text.splitlines()
        wrong = f", line {line}: {lines[line - 1].strip()}" if line and line <= len(lines) else ""
        raise Unbound(
            f"{shown} does not parse: {getattr(fault, 'msg', fault)}\n  {shown}{wrong}", "Mend the syntax of that cell."
        ) from fault
    return tree.body


def _without_magics(text: str) -> str:
    """The cell with a `pass` for each magic or shell line, so that lines keep their numbers and blocks a body.

    Only lines that Python stumbles over are replaced: one that looks like a magic may stand within a string.
    """
    lines = text.split("\n")
    while True:
        try:
            ast.parse("\n".join(lines))
        except (SyntaxError, ValueError) as fault:
            number = (getattr(fault, "lineno", None) or 0) - 1
            magic = _MAGIC.match(lines[number]) if 0 <= number < len(lines) else None
            if magic is None:
                break
            while lines[number].rstrip().endswith("\\") and number + 1 < len(lines):
                lines[number] = ""
                number += 1
            lines[number] = f"{magic['indent'] or magic['before'] or ''}pass"
        else:
            break
    return "\n".join(lines)


def _kept(statement: ast.stmt, known: _Known) -> list[ast.stmt]:
    """The statement, what is kept of a conditional or a try, or nothing; names whose definition is lost are noted."""
    if isinstance(statement, ast.If) and _is_cheap(statement.test, known):
        return _kept_blocks(statement, known, ("body", "orelse"))
    if isinstance(statement, ast.Try):
        for handler in statement.handlers:
            _kept_blocks(handler, known, ("body",))
        return _kept_blocks(statement, known, ("body", "orelse", "finalbody"))
    if _is_kept(statement, known):
        known.missing -= set(_bound_names(statement))
        if isinstance(statement, ast.ClassDef):
            known.classes.add(statement.name)
            if any("dataclass" in ast.unparse(decorator) for decorator in statement.decorator_list):
                known.records.add(statement.name)
        return [statement]
    known.missing |= set(_bound_names(statement))
    return []


def _kept_blocks(node: Any, known: _Known, blocks: tuple[str, ...]) -> list[ast.stmt]:
    """The compound statement with its blocks reduced to what is kept; nothing where they keep nothing at all."""
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
            return all(_is_plain_target(target, known) for target in targets) and _is_cheap(value, known)
        case ast.AnnAssign(target=target, value=value):
            return value is None or (_is_plain_target(target, known) and _is_cheap(value, known))
        case ast.AugAssign(target=ast.Name(id=name), value=value):
            return name not in known.missing and _is_cheap(value, known)
    return isinstance(statement, getattr(ast, "TypeAlias", ast.ClassDef))


def _is_plain_target(target: ast.expr, known: _Known) -> bool:
    """Names, and attributes of the notebook's own classes (`VAE.loss = loss`)."""
    if isinstance(target, ast.Tuple | ast.List):
        return all(_is_plain_target(element, known) for element in target.elts)
    if isinstance(target, ast.Attribute):
        return isinstance(target.value, ast.Name) and target.value.id in known.classes
    return isinstance(target, ast.Name)


def _is_cheap(value: ast.expr, known: _Known) -> bool:
    """Whether evaluating it neither computes nor reads anything, and every name in it was kept."""
    waiting: list[ast.AST] = [value]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Name) and node.id in known.missing:
            return False
        if isinstance(node, ast.Await | ast.Yield | ast.YieldFrom):
            return False
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called not in known.records and (not _CHEAP_CALLS.fullmatch(called) or _FORBIDDEN.fullmatch(called)):
                return False
        if not isinstance(node, ast.Lambda):  # its body runs when it is called
            waiting += ast.iter_child_nodes(node)
    return True


def _names(node: ast.AST) -> Iterator[str]:
    """The names that a statement reads, those in quoted annotations among them."""
    for inner in ast.walk(node):
        if isinstance(inner, ast.Name):
            yield inner.id
        elif isinstance(inner, ast.Constant) and isinstance(inner.value, str) and len(inner.value) < 80:
            yield from re.findall(r"[A-Za-z_]\w*", inner.value)


def _bound_names(statement: ast.AST) -> Iterator[str]:
    """The names that a statement defines, in its blocks too, but not within functions and classes."""
    waiting: list[ast.AST] = [statement]
    while waiting:
        node = waiting.pop()
        if isinstance(node, _DEFINITIONS):
            yield node.name
            continue
        if isinstance(node, ast.alias):
            yield (node.asname or node.name).partition(".")[0]
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        if not isinstance(node, ast.Lambda):
            waiting += ast.iter_child_nodes(node)


def _is_needed(statement: ast.stmt, used: set[str]) -> bool:
    """Whether a statement stays; an import is reduced to the names that something kept uses."""
    if isinstance(statement, ast.Import | ast.ImportFrom) and getattr(statement, "module", None) != "__future__":
        statement.names = [alias for alias in statement.names if set(_bound_names(alias)) & (used | {"*"})]
        return bool(statement.names)
    return True


def _future_flags(statements: list[ast.stmt]) -> int:
    """The compiler flags of `from __future__` imports, which in a notebook hold for all later cells."""
    features = importlib.import_module("__future__")
    flags = 0
    for statement in statements:
        if isinstance(statement, ast.ImportFrom) and statement.module == "__future__":
            for alias in statement.names:
                flags |= getattr(features, alias.name).compiler_flag
    return flags
