"""What a loss returns, and in which order: read from how its values change with the posterior and with the output."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from torch import Tensor

from vae_conformance.binding.layout import named

Order = tuple[Any, Any, Any]
_NAMES = (
    ("kl", re.compile(r"kl", re.IGNORECASE)),
    ("reconstruction", re.compile(r"rec|bce|mse|nll", re.IGNORECASE)),
    ("total", re.compile(r"total|^loss$|elbo|objective", re.IGNORECASE)),
)


class Returns(StrEnum):
    """What a loss returns: three terms, two, or one scalar."""

    TERMS = "total, reconstruction and KL"
    PAIR = "reconstruction and KL"
    PART = "the total and one of its terms"
    SCALAR = "one scalar"


def entries(result: Any, batch: int) -> Any:
    """A result without what cannot be a term: numbers and values of each item stay, in a dict by their names, in a tuple in order."""
    by_name = named(result)
    if by_name is not None:
        kept = {key: value for key, value in by_name.items() if _is_term(value, batch)}
        return kept or result
    if isinstance(result, tuple | list):
        terms = tuple(value for value in result if _is_term(value, batch))
        return terms if len(terms) != 1 else terms[0]
    return result


def _is_term(value: Any, batch: int) -> bool:
    if isinstance(value, Tensor):
        return value.numel() == 1 or value.shape == (batch,)
    return isinstance(value, float | int) and not isinstance(value, bool)


def turned_kl(result: Any, order: Order) -> bool:
    """Whether three values are a total of two terms, of which the KL stands beside it with its sign turned, as in a log."""
    if not isinstance(result, Mapping | tuple | list) or None in order:
        return False
    total, reconstruction, kl = (_number(result[key]) for key in order)
    return kl < 0 and abs(total - reconstruction + kl) <= 1e-5 * (1 + abs(total))


def read_returns(result: Any, changed_code: Any, changed_output: Any = None) -> tuple[Returns, Order] | None:
    """What a loss returns and in which order; None where it is none of the known.

    The reconstruction does not change with the posterior; of the other two, the total is the documents' first, unless only another reading
    adds up. Of two values, which of them follows the output too tells the total.

    Args:
        result: for one posterior and output.
        changed_code: for another posterior, nearer to the prior in neither term.
        changed_output: for another output, where one was asked.
    """
    if isinstance(result, Tensor | float):
        return Returns.SCALAR, (0, 0, 0)
    if not isinstance(result, Mapping | tuple | list):
        return None
    if isinstance(result, Mapping) and (by_name := _by_names(changed_code)) is not None:
        return by_name
    keys = list(result) if isinstance(result, Mapping) else list(range(len(result)))
    if not all(isinstance(result[key], Tensor | float | int) for key in keys):
        return None
    if len(keys) < 2:
        return (Returns.SCALAR, (keys[0],) * 3) if isinstance(result, Mapping) else None
    before, after = ([_number(values[key]) for key in keys] for values in (result, changed_code))
    output = None if changed_output is None else [_number(changed_output[key]) for key in keys]
    kind, order = _of_two(before, after, output) if len(keys) == 2 else _of_three(before, after, output)
    total, reconstruction, kl = (None if index is None else keys[index] for index in order)
    return kind, (total, reconstruction, kl)


def _of_three(before: list[float], after: list[float], output: list[float] | None) -> tuple[Returns, Order]:
    def same(one: list[float], index: int) -> bool:
        return abs(one[index] - before[index]) <= 1e-9 * (1 + abs(before[index]))

    orders = [order for order in ((0, 1, 2), (0, 2, 1), (2, 0, 1), (2, 1, 0), (1, 0, 2), (1, 2, 0)) if same(after, order[1])]
    if output is not None:
        # The total follows the output, and the KL does not; where no order has it so, that is for the claims to find.
        orders = [order for order in orders if same(output, order[2]) and not same(output, order[0])] or orders
    for order in orders:
        total, reconstruction, kl = (after[index] for index in order)
        # A KL that is reported with its sign turned still stands where it stands.
        if abs(abs(total - reconstruction) - abs(kl)) <= 1e-5 * (1 + abs(total)):
            return Returns.TERMS, order
    for order in orders:
        total, likelihood, kl = (after[index] for index in order)
        # A log-likelihood stands beside the loss that it is subtracted in: the reconstruction is what remains without the KL.
        if abs(total + likelihood - kl) <= 1e-5 * (1 + abs(total)):
            return Returns.PART, (order[0], None, order[2])
    return Returns.TERMS, (0, 1, 2)


def _by_names(result: Mapping[Any, Any]) -> tuple[Returns, Order] | None:
    keys = {role: next((key for key in result if pattern.search(str(key))), None) for role, pattern in _NAMES}
    order = (keys["total"], keys["reconstruction"], keys["kl"])
    if keys["kl"] is not None and keys["reconstruction"] is not None:
        if keys["total"] is None:
            order = (_sum_of(result, keys["reconstruction"], keys["kl"]), *order[1:])
        return (Returns.TERMS if order[0] is not None else Returns.PAIR), order
    if keys["total"] is not None:
        parts = keys["kl"] is not None or keys["reconstruction"] is not None
        return (Returns.PART, order) if parts else (Returns.SCALAR, (keys["total"],) * 3)
    return None


def _sum_of(result: Mapping[Any, Any], one: Any, other: Any) -> Any:
    """The key of what is the sum of two terms, whatever it is called; None if nothing is."""
    wanted = _number(result[one]) + _number(result[other])
    sums = (key for key, value in result.items() if key not in (one, other) and isinstance(value, Tensor | float | int))
    return next((key for key in sums if abs(_number(result[key]) - wanted) <= 1e-5 * (1 + abs(wanted))), None)


def _of_two(before: list[float], after: list[float], output: list[float] | None) -> tuple[Returns, Order]:
    by_code = [abs(one - other) for one, other in zip(after, before, strict=True)]
    if output is not None:
        follows = [
            (code > 1e-7 * (1 + abs(at)), abs(out - at) > 1e-7 * (1 + abs(at)))
            for code, out, at in zip(by_code, output, before, strict=True)
        ]
        for total, part in ((0, 1), (1, 0)):
            if follows[total] == (True, True) and follows[part] in ((True, False), (False, True)):
                return Returns.PART, ((total, None, part) if follows[part][0] else (total, part, None))
    fixed = 0 if by_code[0] <= by_code[1] else 1
    return Returns.PAIR, (None, fixed, 1 - fixed)


def _number(value: Any) -> float:
    return float(value.float().mean() if isinstance(value, Tensor) else value)
