"""A loss that stands in a training loop, term by term: its lines, compiled as a function of what the model gives and of the batch."""

from __future__ import annotations

import ast
import re
from functools import partial
from types import FunctionType, ModuleType
from typing import Any

from torch import Tensor

from vae_conformance.binding.doors import injection_of
from vae_conformance.binding.findings import Findings
from vae_conformance.binding.injection import CodeDoor, decoded_as
from vae_conformance.binding.interface import DECODE_NAMES, ENCODE_NAMES
from vae_conformance.binding.loop_names import DECODED, ENCODED, RETURNED, base
from vae_conformance.binding.loop_reading import Lines, Reader, Unreadable
from vae_conformance.binding.loss_binding import Trial, try_loss
from vae_conformance.binding.loss_values import values_of
from vae_conformance.binding.losses import Kind, Loss, behind
from vae_conformance.binding.returns import Returns
from vae_conformance.target.adapter import inner_of
from vae_conformance.target.source_code import source_pieces
from vae_spec.subject import Raw, SubjectFault

_MODEL = re.compile(r"^_*\w*(model|vae|net|network|autoencoder|^ae$)\w*$", re.IGNORECASE)
_OTHER = re.compile(r"loss|criterion|optim|sched|loader", re.IGNORECASE)


def loss_of_lines(found: Findings, trial: Trial) -> Loss | None:
    """The loss that the file's training loop computes and differentiates; None where none can be read or bound, or several differ.

    Args:
        found: what is known of the model.
        trial: what it is tried with.
    """
    if found.layout is None:
        return None
    pieces = source_pieces(found.target.namespace)
    # A notebook is one module: what a cell leaves behind is there for the next.
    whole = ast.Module([statement for _place, tree in pieces for statement in tree.body], type_ignores=[])
    bound: list[Loss] = []
    for lines in _reader(found).losses(whole):
        if isinstance(lines, Unreadable):
            found.notes.append(f"the loss of the training loop cannot be read: it depends on {lines.what}")
            continue
        cell = _cell(pieces, lines)
        try:
            loss = try_loss(found, _compiled(found, lines, cell), trial)
        except SubjectFault as fault:
            found.notes.append(f"the loss of {cell}lines {lines.line} to {lines.last} {fault.what}")
            continue
        if loss is not None and not any(_alike(found, loss, other, trial) for other in bound):
            bound.append(loss)
    if len(bound) > 1:
        found.notes.append(f"the file has {len(bound)} training loops whose losses differ: {'; '.join(one.account for one in bound)}")
    return bound[0] if len(bound) == 1 else None


def _cell(pieces: list[tuple[str, ast.Module]], lines: Lines) -> str:
    """What messages call the cell of a notebook that the lines stand in ("cell 2, "); empty in a file."""
    place = next(place for place, tree in pieces if any(node is lines.call for node in ast.walk(tree)))
    return place.removesuffix("line")


def _reader(found: Findings) -> Reader:
    values = vars(found.target.namespace)
    return Reader(
        lambda called, loose, within: _source(found, called, loose=loose, within=within),
        values,
        lambda called: _of_torch(values.get(base(called) or "")),
        frozenset(kind.__name__ for kind in type(inner_of(found.model)).__mro__),
    )


def _of_torch(value: object) -> bool:
    name = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None) or ""
    return name.partition(".")[0] == "torch"


def _source(found: Findings, called: ast.expr, *, loose: bool, within: bool) -> str | None:
    """What a call gives: of the model, of its encoder, of its decoder, or of neither."""
    if _is_model(found, called, loose=loose, within=within):
        return RETURNED
    if isinstance(called, ast.Attribute):
        if not _is_model(found, called.value, loose=loose, within=within):
            return None
        parts = {_last(found.encode): ENCODED, _last(found.decode): DECODED, "forward": RETURNED}
        return parts.get(called.attr)
    if not isinstance(called, ast.Name) or not loose:
        return None
    name = called.id.lower()
    if found.encode is not None and name in (*ENCODE_NAMES, found.encode.lower()):
        return ENCODED
    return DECODED if found.decode is not None and name in (*DECODE_NAMES, found.decode.lower()) else None


def _last(name: str | None) -> str:
    return "" if name is None else name.rpartition(".")[2]


def _is_model(found: Findings, node: ast.expr, *, loose: bool, within: bool) -> bool:
    """Whether an expression stands for the model: the file has it there, or nothing else under a name that says so."""
    text = ast.unparse(node)
    if text == "self":
        return within
    if not loose:
        value: object = found.target.namespace
        for step in text.split("."):
            value = getattr(value, step, None)
        return isinstance(value, type(inner_of(found.model)))
    name = text.rpartition(".")[2]
    return re.fullmatch(r"\w+(\.\w+)?", text) is not None and bool(_MODEL.match(name)) and not _OTHER.search(name)


def _compiled(found: Findings, lines: Lines, cell: str) -> Loss:
    """The lines as a loss of the output, the batch and the posterior, which may fail or follow neither."""
    function = _function(found, lines, cell)
    code = None if found.encode is None or found.form is None else CodeDoor(found.encode, found.encoded, found.form)
    given = values_of(found, whole=True)

    def values(raw: Raw, x: Tensor, mu: Tensor, second: Tensor, z: Tensor | None) -> dict[str, Any]:
        there = given(raw, x, mu, second, z)
        encoded = None if code is None else code.value(mu, second, z)
        return {"lines": {RETURNED: there.get("outputs"), ENCODED: encoded, DECODED: decoded_as(found.decoded, raw), "x": x}}

    def loss(there: dict[str, Any], **weight: float) -> Any:
        held = {RETURNED: there[RETURNED], ENCODED: there[ENCODED], DECODED: there[DECODED]}
        held |= dict.fromkeys(lines.batch, there["x"]) | dict.fromkeys(lines.models, found.model)
        for name, given in weight.items():
            held |= {other: number * given / lines.weights[name] for other, number in lines.weights.items()}
        result = function(**held)
        return result.sum() if isinstance(result, Tensor) and result.numel() == 1 else result

    weight = {"beta": next(iter(lines.weights))} if lines.weights else {}
    where = f" of {lines.where}" if lines.where else ""
    return Loss(
        f"{cell}lines {lines.line} to {lines.last}{where}",
        behind(function, loss),
        {"lines": "lines"} | weight,
        Returns.SCALAR,
        values=values,
        around=partial(injection_of(found).keeping, found.model),
        kind=Kind.LINES,
        known_by="what its training loop differentiates; probe: it follows the output and the posterior",
    )


def _function(found: Findings, lines: Lines, cell: str) -> FunctionType:
    """The lines as a function in the author's own file, whose faults and place are theirs."""
    names = sorted({RETURNED, ENCODED, DECODED, *lines.batch, *lines.models})
    names += [f"{weight}={number!r}" for weight, number in lines.weights.items()]
    definition = ast.parse(f"def {lines.where or 'training'}({', '.join(names)}): pass").body[0]
    assert isinstance(definition, ast.FunctionDef)
    last = ast.Return(lines.loss)
    definition.body = [*lines.statements, last]
    for node, line in ((definition, lines.line), (last, lines.last)):
        node.lineno, node.end_lineno, node.col_offset, node.end_col_offset = line, lines.last, 0, 0
    tree = ast.fix_missing_locations(ast.Module([definition], []))
    held = dict(vars(found.target.namespace))
    filename = getattr(found.target.namespace, "__file__", None) or found.target.text
    filename += f", {cell.removesuffix(', ')}" if cell else ""
    exec(compile(tree, filename, "exec"), held)  # noqa: S102  the author's own lines, of a file that has been run already
    function = held[definition.name]
    assert isinstance(function, FunctionType)
    return function


def _alike(found: Findings, loss: Loss, other: Loss, trial: Trial) -> bool:
    """Whether two losses give the same for one output and posterior."""
    code, neutral = trial.code(0.7), trial.code(0.5)
    first, second = (
        float(found.call("loss", one.evaluate, trial.raw, trial.x, code, neutral, neutral, code, None).total) for one in (loss, other)
    )
    return abs(first - second) <= 1e-4 * (abs(first) + abs(second))
