"""The weights that an author has put before the terms of a loss, by what its graph multiplies them with.

A number counts as a weight where it multiplies a node that already is the divergence, or the likelihood's term, up to a usual reduction:
a sum or a mean over items, dimensions or entries. What only makes such a term of another node, such as the 1/2 of the closed form, is no
weight, and neither is what comes from a reduction or undoes one.
"""

from __future__ import annotations

import linecache
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from vae_conformance.binding.trace.tape import Line, Node, Recording

_ADDED = frozenset({"add", "__add__", "__radd__", "__iadd__", "add_"})
_SUBTRACTED = frozenset({"sub", "__sub__", "__isub__", "sub_", "subtract"})
_FROM = frozenset({"__rsub__", "rsub"})
_TIMES = frozenset({"mul", "__mul__", "__rmul__", "__imul__", "mul_", "multiply"})
_OVER = frozenset({"div", "__truediv__", "__itruediv__", "div_", "true_divide", "divide"})
_SQUARED = frozenset({"pow", "__pow__", "square", "pow_", "square_"})
_TURNED = frozenset({"neg", "__neg__", "negative"})
_BENDING = frozenset({"clamp", "clamp_min", "clip", "max", "maximum", "relu", "abs", "__abs__", "where", "softplus"})
_PASSED_ON = frozenset(
    {"mean", "sum", "view", "reshape", "flatten", "squeeze", "unsqueeze", "clone", "to", "float", "double", "contiguous", "stack", "cat"}
)
_SAME = 1e-4
"""Relative: how near two numbers lie that are the same, in a loss of float32."""
_WEIGHT = re.compile(r"beta|weight|lambda|lambd|gamma|alpha|coef|anneal|kl_?w", re.IGNORECASE)
_LITERAL = re.compile(r"(?<![\w.])(\d+\.\d*|\.\d+|\d+)(e[-+]?\d+)?(?![\w.])", re.IGNORECASE)
_HALF = re.compile(r"(?<![\w.])0?\.50*(?![\w.])|/\s*2(\.0*)?(?![\w.])")
"""The 1/2 of a term, as it is written."""


@dataclass(frozen=True)
class Evaluation:
    """A recorded loss at one posterior and output.

    Attributes:
        recording: of the call.
        total: the number of the node that holds the loss.
        given: the numbers of the nodes that each term is made of: those of the posterior and of the output.
        sums: over items, of the closed form of the divergence and of the negative log-likelihood, up to a constant.
    """

    recording: Recording
    total: int
    given: Mapping[str, frozenset[int]]
    sums: Mapping[str, float]


@dataclass(frozen=True)
class Weight:
    """A weight that stands before a term.

    Attributes:
        value: of the product of all its factors.
        line: where the last of them is applied, or None.
    """

    value: float
    line: Line | None


KL, LIKELIHOOD = "kl", "likelihood"


@dataclass(frozen=True)
class Branch:
    """The way from a loss to one of its terms.

    Attributes:
        evaluations: of the loss at several posteriors and outputs.
        term: `KL` or `LIKELIHOOD`.
        items, latents, entries: what reductions divide by: numbers of items, of latent dimensions and of entries of an item.
        halved: whether the term is a squared error, which may stand without the 1/2 of a Gaussian of unit variance.
    """

    evaluations: Sequence[Evaluation]
    term: str
    items: int
    latents: int
    entries: int
    halved: bool = False

    def bend(self) -> Line | None:
        """Return the line in which a loss bends its term, as free bits and capacities bend the KL; None where it does not.

        The term, up to a usual reduction, goes through an operation that makes no multiple of it.
        """
        first = self.evaluations[0].recording
        moved = first.descendants(self.evaluations[0].given[self.term]) & first.ancestors(self.evaluations[0].total)
        bending = (first.nodes[number] for number in sorted(moved) if first.nodes[number].operation in _BENDING and self._bent(number))
        return next((node.line for node in bending if node.line is not None), None)

    def weight(self) -> Weight | None:
        """Go down from the loss to the node that is the term, and return the product of the factors on the way.

        None where there is none, or no node is the term.
        """
        first = self.evaluations[0]
        nodes = first.recording.nodes
        moved, other = (first.given[term] | first.recording.descendants(first.given[term]) for term in (KL, LIKELIHOOD))
        if self.term == LIKELIHOOD:
            moved, other = other, moved
        if first.total not in other:
            return None  # the other term is added as a mere number, and there is no telling the two apart
        number, sign, value, line = first.total, 1.0, 1.0, None
        while number in moved:
            node = nodes[number]
            alone = number not in other
            if alone and (multiple := self._multiple(number, sign)) is not None:
                times, weighed = multiple
                there = weighed or abs(value - 1) > _SAME
                return Weight(value * times, line or node.line) if there and abs(value * times - 1) > _SAME else None
            below = [parent for parent in node.parents if parent in moved]
            if not alone and len(below) > 1:
                below = [parent for parent in below if parent not in other]
            if len(below) != 1:
                return None
            if (
                node.operation in _TURNED
                or node.operation in _FROM
                or (node.operation in _SUBTRACTED and len(node.parents) > 1 and node.parents[1] == below[0])
            ):
                sign = -sign
            elif node.operation in _TIMES or node.operation in _OVER:
                factor = self._factor(number, below[0])
                if factor is None:
                    return None
                sign = math.copysign(sign, sign * factor)
                # What multiplies both terms is no weight of one of them, and a number of items or entries averages or sums.
                if alone and not any(abs(size * abs(factor) ** way - 1) < _SAME for size in (self.items, self.entries) for way in (1, -1)):
                    value, line = value * abs(factor), node.line
            elif node.operation not in _ADDED | _SUBTRACTED | _PASSED_ON:
                return None
            number = below[0]
        return None

    def _factor(self, number: int, below: int) -> float | None:
        """Return the number that a node multiplies or divides another by, the same in all evaluations; None for anything else."""
        found = set()
        for one in self.evaluations:
            node = one.recording.nodes[number]
            by = list(node.constants)
            for parent in node.parents:
                value = one.recording.nodes[parent].value
                if parent != below and value is not None and value.numel() == 1 and not one.recording.nodes[parent].attached:
                    by.append(float(value))
            if len(by) != 1 or by[0] == 0 or not math.isfinite(by[0]):
                return None
            found.add(1 / by[0] if node.operation in _OVER else by[0])
        return found.pop() if len(found) == 1 else None

    def _bent(self, number: int) -> bool:
        """Whether a node is made of the term, up to a usual reduction, and is no multiple of it."""
        parents = self.evaluations[0].recording.nodes[number].parents
        made_of = any((ratio := self._ratio(parent)) is not None and self._usual(ratio) for parent in parents)
        return made_of and self._ratio(number) is None

    def _multiple(self, number: int, sign: float) -> tuple[float, bool] | None:
        """Return what a node is times the term, up to a usual reduction, and whether that is a weight; None where it is no such multiple.

        It is 1 for the term itself, 2 for one that stands without its 1/2, and a weight where one line applies both it and the 1/2.
        """
        ratio = self._ratio(number)
        if ratio is None:
            return None
        node = self.evaluations[0].recording.nodes[number]
        scaled = node.operation in _TIMES | _OVER
        under = [one for parent in node.parents if (one := self._ratio(parent)) is not None] if scaled else []
        if self.halved and node.operation in _SQUARED and ratio * sign > 0 and (inner := self._scale_of_error(node)) is not None:
            return (2 * inner, True) if self._usual(ratio / (2 * inner)) else None
        if ratio * sign > 0 and self._usual(ratio):
            return None if written_as_weight(node) and any(self._usual(one) for one in under) else (1.0, False)
        for one in under:
            named = _WEIGHT.search(_code(node.line)) is not None
            if ratio * sign > 0 and self._usual(one / 2) and named and _HALF.search(_code(node.line)):
                return 2 * abs(ratio / one), True
        return (2.0, False) if self.halved and ratio * sign > 0 and self._usual(ratio / 2) else None

    def _scale_of_error(self, node: Node) -> float | None:
        """Return the square of the number by which an error is multiplied or divided before it is squared; None where there is none."""
        parent = next(iter(node.parents), None)
        inner = None if parent is None else self.evaluations[0].recording.nodes[parent]
        if parent is None or inner is None or inner.operation not in _TIMES | _OVER or len(inner.parents) == 0:
            return None
        factor = self._factor(parent, inner.parents[0])
        return None if factor is None else factor**2

    def _ratio(self, number: int) -> float | None:
        """Return what a node is times the term, by its changes from evaluation to evaluation; None where it is no multiple of it."""
        sums = []
        for one in self.evaluations:
            value = one.recording.nodes[number].value
            if value is None:
                return None
            sums.append((float(value.double().sum()), one.sums[self.term]))
        changes = [(a - sums[0][0], b - sums[0][1]) for a, b in sums[1:]]
        ratios = [a / b for a, b in changes]
        size = max(abs(ratio) for ratio in ratios)
        return ratios[0] if size > 0 and max(ratios) - min(ratios) < _SAME * size else None

    def _usual(self, ratio: float) -> bool:
        """Whether it is a reduction: over items, entries, and of the KL dimensions."""
        sizes = product((1, self.items), (1, self.entries), (1, self.latents) if self.term == KL else (1,))
        return any(abs(abs(ratio) * math.prod(one) - 1) < _SAME for one in sizes)


def written_as_weight(node: Node) -> bool:
    """Whether a line of code multiplies by a fraction that is written out, or by what has the name of a weight."""
    if node.line is None or node.operation not in _TIMES or all(one == int(one) for one in node.constants):
        return False
    literals = [float(match[0]) for match in _LITERAL.finditer(_code(node.line))]
    return any(one in literals for one in node.constants) or _WEIGHT.search(_code(node.line)) is not None


def _code(line: Line | None) -> str:
    return "" if line is None else linecache.getline(line.file, line.number)
