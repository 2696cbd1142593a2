"""A pass as a tape: every tensor that it makes is a node, with the nodes that it was made from, its value and the author's line.

The same code makes the same nodes in the same order, so that a node of one recording is that of another by its number, and a replay
can put another tensor in its place. Recording and replaying stand above autograd: gradients follow the author's own graph.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from types import FrameType
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_map_only

Replacement = Tensor | Callable[[Tensor], Tensor]
"""What a replay puts in a node's place: a tensor, or what becomes of the node's own."""

EPS = "eps"
"""The operation of a node that holds standard draws."""
GIVEN = "given"
"""The operation of a node that no operation of the pass made."""
_IN_PLACE = re.compile(r"[^_]_$|^__i|^__setitem__$")
"""Names of operations that change a tensor that is there."""
_WITH_MOMENTS = (torch.normal, Tensor.normal_)
_OUTSIDE = (str(Path(torch.__file__).parent), str(Path(__file__).parents[2]))


@dataclass(frozen=True)
class Line:
    """A line of code."""

    file: str
    number: int


@dataclass(frozen=True)
class Node:
    """One tensor of a pass.

    Attributes:
        operation: the name of what made it.
        parents: the numbers of the nodes it was made from.
        value: a copy of it as it was made, without history; None where it has no values of its own, as inside of vmap.
        line: the author's line that made it, or None.
        attached: whether gradients flow back from it.
        constants: the Python numbers among the arguments of what made it.
    """

    operation: str
    parents: tuple[int, ...]
    value: Tensor | None
    line: Line | None
    attached: bool
    constants: tuple[float, ...] = ()


@dataclass(frozen=True)
class Recording:
    """A recorded pass.

    Attributes:
        nodes: in the order in which they were made; the batch is the first.
        result: what the pass gave.
        numbers: the number of the latest node of each tensor, by its identity.
    """

    nodes: tuple[Node, ...]
    result: Any
    numbers: Mapping[int, int]
    _kept: Sequence[Tensor] = field(repr=False, default=())

    @property
    def operations(self) -> tuple[str, ...]:
        """The operations in order: alike in two recordings of which a node of one is that of the other."""
        return tuple(node.operation for node in self.nodes)

    def number(self, tensor: Tensor) -> int | None:
        """The number of a tensor of the result, or None where the pass did not make it."""
        return self.numbers.get(id(tensor))

    def overwritten(self, tensor: Tensor) -> bool:
        """Whether the latest that became of a tensor of the result was written in its place."""
        number = self.number(tensor)
        return number is not None and _IN_PLACE.search(self.nodes[number].operation) is not None

    def ancestors(self, number: int) -> frozenset[int]:
        """All nodes that a node was made from, by way of one another too."""
        found: set[int] = set()
        waiting = [number]
        while waiting:
            for parent in self.nodes[waiting.pop()].parents:
                if parent not in found:
                    found.add(parent)
                    waiting.append(parent)
        return frozenset(found)

    def descendants(self, of: frozenset[int]) -> frozenset[int]:
        """All nodes that were made from any of these, without them."""
        found = set(of)
        for number, node in enumerate(self.nodes):
            if found.intersection(node.parents):
                found.add(number)
        return frozenset(found - of)


class Reached(BaseException):
    """The node that a replay was made for is there, and the rest of the pass is of no use."""


class Tape(TorchFunctionMode):
    """Numbers the floating-point tensors that the code inside makes, notes them or puts others in their place.

    Args:
        replaced: by number, what to put where.
        last: the number of the node at which the pass ends, or None.
        noting: whether values and lines are noted.
    """

    def __init__(self, replaced: Mapping[int, Replacement] | None = None, *, last: int | None = None, noting: bool = True) -> None:
        super().__init__()
        self.replaced = replaced or {}
        self.last = last
        self.noting = noting
        # Behind its last replacement a replay that is not noted needs no more numbers.
        self.end = max(self.replaced) if self.replaced and last is None and not noting else math.inf
        self.nodes: list[Node] = []
        self.numbers: dict[int, int] = {}
        self.made: list[Tensor] = []
        self.operations: list[str] = []
        self.exchanged: dict[int, tuple[Tensor, Tensor]] = {}

    def __enter__(self) -> Self:
        """Begin, and leave out what a module does to its parameters and their gradients when it is moved: `model.to(device)`."""
        self._moved = nn.Module._apply  # noqa: SLF001  all of its moves and casts go through it
        nn.Module._apply = _outside_of_modes(self._moved)  # type: ignore[method-assign]  # noqa: SLF001
        super().__enter__()  # type: ignore[no-untyped-call]
        return self

    def __exit__(self, *raised: object) -> None:
        """End."""
        super().__exit__(*raised)  # type: ignore[no-untyped-call]
        nn.Module._apply = self._moved  # type: ignore[method-assign]  # noqa: SLF001

    def __torch_function__(self, func: Any, types: Sequence[type], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None) -> Any:
        """Run one operation."""
        if isinstance(func, torch._ops.OpOverload):  # noqa: SLF001  a mode below this one runs it, not the pass
            return func(*args, **(kwargs or {}))
        kwargs, name = kwargs or {}, getattr(func, "__name__", str(func))
        if len(self.operations) > self.end and not self.exchanged:
            return func(*args, **kwargs)
        args, kwargs, given = self._given(args, kwargs)
        parents = tuple(dict.fromkeys(self.numbers[id(one)] for one in given if id(one) in self.numbers)) if self.noting else ()
        if func in _WITH_MOMENTS:
            return self._normal(func, args, kwargs, parents)
        result = _at_one_precision(func, args, kwargs) if self.replaced else func(*args, **kwargs)
        if isinstance(result, Tensor):
            constants = tuple(float(one) for one in args if type(one) in (int, float)) if self.noting else ()
            return self.take(result, name, parents, constants)
        if name == "__setitem__" and given and result is None:
            self.take(given[0], name, parents)
        if isinstance(result, tuple | list) and any(isinstance(one, Tensor) for one in result):
            entries = [self.take(one, name, parents) if isinstance(one, Tensor) else one for one in result]
            # A structure of PyTorch's own, such as that of max(dim=1), stays as it is unless an entry was replaced.
            if any(one is not other for one, other in zip(entries, result, strict=True)):
                return type(result)(entries)
        return result

    def _given(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any], list[Tensor]]:
        """Number the tensors among an operation's arguments that no operation of the pass made, and put others in the place of some.

        Such is what comes out of NumPy. Parameters are left alone. Returns the arguments and the tensors among them.
        """
        given = _tensors(args) + _tensors(kwargs)
        for one in given:
            if id(one) not in self.numbers and not isinstance(one, nn.Parameter) and one.is_floating_point():
                taken = self.take(one, GIVEN)
                if taken is not one:
                    self.numbers[id(one)] = self.numbers[id(taken)]
                    self.exchanged[id(one)] = one, taken
        if self.exchanged:
            args, kwargs = tree_map_only(Tensor, lambda one: self.exchanged.get(id(one), (one, one))[1], (args, kwargs))
            given = _tensors(args) + _tensors(kwargs)
        return args, kwargs, given

    def take(self, tensor: Tensor, operation: str, parents: tuple[int, ...] = (), constants: tuple[float, ...] = ()) -> Tensor:
        """Number a tensor, and give what goes on in its place."""
        if not tensor.is_floating_point():
            return tensor
        number = len(self.operations)
        # What changes nothing, such as a cast to the same type, gives the same object too.
        in_place = id(tensor) in self.numbers and _IN_PLACE.search(operation) is not None
        if number in self.replaced:
            put = self.replaced[number]
            value = put(tensor) if callable(put) else put
            tensor = tensor.copy_(value) if in_place else value
        self.operations.append(operation)
        self.numbers[id(tensor)] = number
        self.made.append(tensor)  # kept, so that no other tensor gets its identity
        if self.noting:
            line = _line(sys._getframe(1))  # noqa: SLF001  as inspect.currentframe
            self.nodes.append(Node(operation, parents, _value(tensor), line, tensor.requires_grad, constants))
        if number == self.last:
            raise Reached
        return tensor

    def _normal(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], parents: tuple[int, ...]) -> Tensor:
        """A draw of a mean and a deviation: the standard draws are a node of their own, which may be replaced."""
        drawn: Tensor = func(*args, **kwargs)
        moments = dict(zip(("mean", "std"), args[1:] if func is Tensor.normal_ else args, strict=False)) | kwargs
        mean, std = moments.get("mean", 0.0), moments.get("std", 1.0)
        replaced = len(self.operations) in self.replaced
        with torch.no_grad():
            standard = (drawn - mean) / std
        eps = self.take(standard, EPS)
        if replaced:
            value = mean + std * eps
            drawn = drawn.copy_(value) if func is Tensor.normal_ else value
        name = str(getattr(func, "__name__", "normal"))
        return self.take(drawn, name, (*parents, self.numbers[id(eps)]))


def record(run: Callable[[Tensor], Any], x: Tensor, replaced: Mapping[int, Replacement] | None = None) -> Recording:
    """Record one pass over a batch, which is node 0, with the history that gradients take.

    Args:
        run: the pass.
        x: the batch, of shape (batch, ...); a copy is passed on.
        replaced: what to put in the place of which nodes.
    """
    tape, batch = Tape(replaced), x.clone()
    batch = tape.take(batch, "batch")
    with torch.enable_grad(), tape:
        result = run(batch)
    return Recording(tuple(tape.nodes), result, tape.numbers, tape.made)


def _at_one_precision(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Run an operation; where it does not take several precisions, at the least of them.

    What is put in the place of a node may be in double precision, and the author's weights are not.
    """
    try:
        return func(*args, **kwargs)
    except RuntimeError:
        kinds = {one.dtype for one in _tensors(args) + _tensors(kwargs) if one.is_floating_point()}
        if len(kinds) < 2:
            raise
    least = min(kinds, key=lambda kind: kind.itemsize)
    args, kwargs = tree_map_only(Tensor, lambda one: one.to(least) if one.is_floating_point() else one, (args, kwargs))
    return func(*args, **kwargs)


def _outside_of_modes(function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        with torch._C.DisableTorchFunction():  # noqa: SLF001  there is no public way to leave modes out
            return function(*args, **kwargs)

    return call


def _tensors(value: Any) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, tuple | list):
        return []
    found: list[Tensor] = []
    for entry in value:
        if isinstance(entry, Tensor):
            found.append(entry)
        elif isinstance(entry, tuple | list | dict):
            found += _tensors(entry)
    return found


def _value(tensor: Tensor) -> Tensor | None:
    if torch._C._functorch.is_functorch_wrapped_tensor(tensor):  # noqa: SLF001  inside of vmap there are no values to look at
        return None
    return tensor.detach().clone()


def _line(frame: FrameType | None) -> Line | None:
    while frame is not None:
        if not frame.f_code.co_filename.startswith(_OUTSIDE):
            return Line(frame.f_code.co_filename, frame.f_lineno)
        frame = frame.f_back
    return None
