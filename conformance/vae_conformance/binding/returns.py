"""What a loss returns, and in which order: read from how its values change with the posterior and with the output."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import torch
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


def read_returns(result: Any, changed_code: Any, changed_output: Any = None) -> tuple[Returns, Order] | None:
    """What a loss returns and in which order; None where it is none of the known.

    The reconstruction does not change with the posterior; of the other two, the total is the documents' first, unless only another reading
    adds up. Of two values, which of them follows the output too tells the total.

    Args:
        result: for one posterior and output.
        changed_code: for another posterior, nearer to the prior in neither term.
        changed_output: for another output, where one was asked.
    """
    if isinstance(result, Mapping):
        return _by_names(result) or _by_keys([result, changed_code, changed_output])
    if isinstance(result, Tensor | float):
        return Returns.SCALAR, (0, 0, 0)
    if not isinstance(result, tuple | list) or not all(isinstance(one, Tensor | float | int) for one in result):
        return None
    before, after = (_numbers(values) for values in (result, changed_code))
    if len(before) == 2:
        return _of_two(before, after, None if changed_output is None else _numbers(changed_output))
    if len(before) < 3:
        return None
    for order in ((0, 1, 2), (0, 2, 1), (2, 0, 1), (2, 1, 0), (1, 0, 2), (1, 2, 0)):
        total, reconstruction, kl = (after[index] for index in order)
        fixed = abs(after[order[1]] - before[order[1]]) <= 1e-9 * (1 + abs(before[order[1]]))
        # A KL reported with its sign turned still stands where it stands: that is for the claims to find.
        if fixed and abs(abs(total - reconstruction) - abs(kl)) <= 1e-5 * (1 + abs(total)):
            return Returns.TERMS, order
    return Returns.TERMS, (0, 1, 2)


def _by_names(result: Mapping[Any, Any]) -> tuple[Returns, Order] | None:
    keys = {role: next((key for key in result if pattern.search(str(key))), None) for role, pattern in _NAMES}
    order = (keys["total"], keys["reconstruction"], keys["kl"])
    if keys["kl"] is not None and keys["reconstruction"] is not None:
        return (Returns.TERMS if keys["total"] is not None else Returns.PAIR), order
    if keys["total"] is not None:
        parts = keys["kl"] is not None or keys["reconstruction"] is not None
        return (Returns.PART, order) if parts else (Returns.SCALAR, (keys["total"],) * 3)
    return None


def _by_keys(results: list[Any]) -> tuple[Returns, Order] | None:
    """The reading of a dict whose names say nothing, by its values."""
    keys = list(results[0])
    if not all(isinstance(value, Tensor | float | int) for value in results[0].values()):
        return None
    if len(keys) == 1:
        return Returns.SCALAR, (keys[0],) * 3
    read = read_returns(*(None if result is None else tuple(result[key] for key in keys) for result in results))
    if read is None:
        return None
    total, reconstruction, kl = (None if index is None else keys[index] for index in read[1])
    return read[0], (total, reconstruction, kl)


def _of_two(before: list[float], after: list[float], output: list[float] | None) -> tuple[Returns, Order]:
    by_code = [abs(one - other) for one, other in zip(after, before, strict=True)]
    if output is not None:
        by_output = [abs(one - other) for one, other in zip(output, before, strict=True)]
        follows = [
            (code > 1e-7 * (1 + abs(at)), out > 1e-7 * (1 + abs(at))) for code, out, at in zip(by_code, by_output, before, strict=True)
        ]
        for total, part in ((0, 1), (1, 0)):
            if follows[total] == (True, True) and follows[part] == (True, False):
                return Returns.PART, (total, None, part)
            if follows[total] == (True, True) and follows[part] == (False, True):
                return Returns.PART, (total, part, None)
    fixed = 0 if by_code[0] <= by_code[1] else 1
    return Returns.PAIR, (None, fixed, 1 - fixed)


def _numbers(values: Any) -> list[float]:
    return [float(one.mean() if isinstance(one, Tensor) else torch.as_tensor(float(one))) for one in values]
