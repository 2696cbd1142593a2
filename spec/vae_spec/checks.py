"""Comparators for exact checks: each gives None where the numbers agree, and a violation made from the same numbers where they do not.

The message has one form, in lines: what is wrong, unless the name of the quantity says it; what was found, what was expected, and where;
the cause, where one is recognised. So checks read as lists of comparisons, which `in_turn` tries one after the other.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import ParamSpec, TypedDict, Unpack

import torch
from torch import Tensor

from vae_spec.outcomes import Number, Verdict, violated
from vae_spec.statistics.two_stage import Decision

Arguments = ParamSpec("Arguments")

UNIT_FLOOR = 1e-6
"""What is added to the size that a difference is relative to, so that two tensors of zeros do not differ: float32 resolves no less of 1."""

NEAR = 5e-3
"""Relative: how near a ratio must lie to a known one to be explained by it: five times what the claims tolerate of a right one."""


@dataclass(frozen=True)
class Cause:
    """Why a comparison fails.

    Attributes:
        mistake: the id of the mistake that it is, where it is a known one.
        words: what the message says of it, after the numbers.
        hint: what to do about it; empty where the claim's own hint says it.
    """

    mistake: str | None = None
    words: str = ""
    hint: str = ""


Because = Cause | str | None
"""A cause, or the id of the mistake alone."""


class About(TypedDict, total=False):
    """What a comparator takes besides its numbers.

    Attributes:
        what: what is wrong, where the name of the quantity does not say it.
        where: further numbers that say where it was found; they count as measured.
        because: the cause, or a function that looks for it, which is called for a violation alone: recognising a mistake costs calls.
    """

    what: str
    where: Mapping[str, Number]
    because: Because | Callable[[], Because]


def close(name: str, found: float, expected: float, tolerance: float, **about: Unpack[About]) -> Verdict | None:
    """The violation where `found` is farther from `expected` than `tolerance`, in their own units, or is no number."""
    if abs(found - expected) <= tolerance:
        return None
    return violation({name: found}, {name: expected, "tolerance": tolerance}, **about)


def proportional(
    name: str, found: float, expected: float, tolerance: float, *, size: float | None = None, **about: Unpack[About]
) -> Verdict | None:
    """The violation where the two differ by more than the share `tolerance` of `size`, the expected value's own where none is given."""
    if abs(found - expected) <= tolerance * (abs(expected) if size is None else size):
        return None
    ratio = found / expected if expected else math.nan
    return violation({name: found, "ratio": ratio}, {name: expected, "ratio": 1.0, "relative tolerance": tolerance}, **about)


def positive(name: str, found: float, *, beyond: float = 0.0, **about: Unpack[About]) -> Verdict | None:
    """The violation where `found` is not greater than 0, or than `beyond` where rounding reaches that far."""
    return None if found > beyond else violation({name: found}, {name: "> 0"}, **about)


def nonnegative(name: str, found: float, tolerance: float, **about: Unpack[About]) -> Verdict | None:
    """The violation where `found` is less than 0 by more than `tolerance`."""
    return None if found >= -tolerance else violation({name: found}, {name: ">= 0"}, **about)


def at_most(name: str, found: float, bound: float, **about: Unpack[About]) -> Verdict | None:
    """The violation where `found` is greater than `bound`."""
    return None if found <= bound else violation({name: found}, {name: f"<= {bound:g}"}, **about)


def same(name: str, found: Number, expected: Number, **about: Unpack[About]) -> Verdict | None:
    """The violation where a count, a shape in words or a switch is another one than expected."""
    return None if found == expected else violation({name: found}, {name: expected}, **about)


def alike(found: Tensor, expected: Tensor, tolerance: float, *, scale: float | None = None, **about: Unpack[About]) -> Verdict | None:
    """The violation where two tensors differ in shape, or by more than `tolerance` relative to their size (see `far`)."""
    difference: Number = "shapes"
    if found.shape == expected.shape:
        difference = far(found, expected, scale)
        if difference <= tolerance:
            return None
    return violation({"relative difference": difference}, {"relative difference": 0.0, "tolerance": tolerance}, **about)


def unchanged(first: Sequence[Tensor], again: Sequence[Tensor], **about: Unpack[About]) -> Verdict | None:
    """The violation where two runs do not give the same tensors to the last bit."""
    pairs = list(zip(first, again, strict=True))
    if all(torch.equal(one, other) for one, other in pairs):
        return None
    difference = max(far(one, other) for one, other in pairs)
    return violation({"largest difference": difference}, {"largest difference": 0.0}, **about)


def finite(name: str, value: Tensor, **about: Unpack[About]) -> Verdict | None:
    """The violation where an entry is infinite or no number."""
    if bool(torch.isfinite(value).all()):
        return None
    about.setdefault("because", "overflow")
    return violation({name: "not finite"}, {name: "finite"}, **about)


def likely(decision: Decision, level: float, **about: Unpack[About]) -> Verdict | None:
    """The violation where draws were rejected: the pivot that they were rejected on, against its expectation at this level."""
    if not decision.rejected:
        return None
    pivot = decision.pivot
    measured = {pivot.name: pivot.value, "p": pivot.p, "n": decision.draws}
    return violation(measured, {pivot.name: pivot.expected, "level": level}, **about)


def violation(measured: Mapping[str, Number], expected: Mapping[str, Number], **about: Unpack[About]) -> Verdict:
    """The violation in the comparators' form, for a comparison that none of them makes; the first quantity of each is the one compared."""
    because = about.get("because")
    if callable(because):
        because = because()
    cause = because if isinstance(because, Cause) else Cause(because)
    measured = {**measured, **about.get("where", {})}
    (name, found), *further = measured.items()
    further += [(name, value) for name, value in expected.items() if "tolerance" in name]
    numbers = f"{name} is {_shown(found, 6)}, expected {_shown(expected[name], 6)}"
    if further:
        numbers += f" ({', '.join(f'{name} = {_shown(value)}' for name, value in further)})"
    message = "\n".join(line for line in (about.get("what"), numbers, cause.words) if line)
    return violated(message, measured=measured, expected=expected, hint=cause.hint, diagnosis=cause.mistake)


def _shown(value: Number, digits: int = 4) -> str:
    return f"{value:.{digits}g}" if isinstance(value, float) else str(value)


def in_turn(check: Callable[Arguments, Iterator[Verdict | None]]) -> Callable[Arguments, Verdict | None]:
    """Let a generator of comparisons give the first violation, or None: what comes after it is not computed."""

    @wraps(check)
    def first(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Verdict | None:
        return first_of(check(*args, **kwargs))

    return first


def first_of(comparisons: Iterable[Verdict | None]) -> Verdict | None:
    """The first violation, or None."""
    return next((found for found in comparisons if found is not None), None)


def far(found: Tensor, expected: Tensor, scale: float | None = None) -> float:
    """The largest difference relative to the values' size: `expected`'s greatest where no scale is given."""
    return float((found - expected).abs().max()) / (UNIT_FLOOR + (float(expected.abs().max()) if scale is None else scale))


def in_shape_of(wanted: Tensor, given: Tensor) -> Tensor:
    """`given` in the shape of `wanted` where it has as many entries; otherwise as it is."""
    return given.reshape(wanted.shape) if given.numel() == wanted.numel() else given


def worst(found: Tensor, expected: Tensor, allowed: Tensor | float = 0.0) -> int:
    """The entry, counted through, where the difference exceeds what is allowed most."""
    return int(((found - expected).abs() - allowed).argmax())


def entry(at: int, *tensors: Tensor) -> list[float]:
    """One entry of each, counted through."""
    return [float(one.flatten()[at]) for one in tensors]
