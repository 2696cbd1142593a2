"""The range into which an author's own file puts its images: a transform that normalises them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from vae_conformance.target.source_code import source_pieces


@dataclass(frozen=True)
class DataRange:
    """A range of the data.

    Attributes:
        low, high: what 0 and 1 become.
        account: the line that says so.
    """

    low: float
    high: float
    account: str


def normalised_range(module: object) -> DataRange | None:
    """Read the range from `transforms.Normalize` with one mean and one deviation; None where there is none, or several differ."""
    found = {
        ((0 - mean) / std, (1 - mean) / std): f"{place} {call.lineno}: {ast.unparse(call)}"
        for place, tree in source_pieces(module)
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        for mean, std in _moments(call)
    }
    if len(found) != 1:
        return None
    ((low, high), account), = found.items()
    return DataRange(low, high, account)


def _moments(call: ast.Call) -> Iterator[tuple[float, float]]:
    """The mean and the deviation of a call of Normalize that are the same for all channels."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else call.func.id if isinstance(call.func, ast.Name) else ""
    given = {one.arg: one.value for one in call.keywords} | dict(zip(("mean", "std"), call.args, strict=False))
    if name != "Normalize" or not {"mean", "std"} <= given.keys():
        return
    try:
        mean, std = (ast.literal_eval(given[one]) for one in ("mean", "std"))
    except ValueError:
        return
    means, stds = ({float(one) for one in (value if isinstance(value, tuple | list) else [value])} for value in (mean, std))
    if len(means) == len(stds) == 1 and 0 not in stds:
        yield means.pop(), stds.pop()
