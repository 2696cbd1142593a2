"""Comparators for exact checks: each returns None if the numbers agree, and otherwise a violation with those numbers.

All messages have the same lines: what is wrong, if the name of the quantity does not say it; found and expected values with their
location; the cause, if one is recognised. A check is thus a list of comparisons, which `first_violation` evaluates in order.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import ParamSpec, TypedDict, Unpack

from vae_spec.lazy import Tensor, torch
from vae_spec.outcomes import Number, Verdict, violated
from vae_spec.statistics.two_stage import Decision

Arguments = ParamSpec("Arguments")

UNIT_FLOOR = 1e-6
"""Added to the denominator of relative differences, so that they are 0 between tensors of zeros: the float32 resolution at 1."""

NEAR = 5e-3
"""Relative tolerance for matching a ratio to a known one: five times the claims' tolerance on a correct one."""


@dataclass(frozen=True)
class Cause:
    """Why a comparison fails.

    Attributes:
        mistake: the id of the mistake, if it is a known one.
        words: its description in the message, after the numbers.
        hint: how to fix it; empty if the claim's own hint says it.
    """

    mistake: str | None = None
    words: str = ""
    hint: str = ""


Because = Cause | str | None
"""A cause, or only the id of its mistake."""


class About(TypedDict, total=False):
    """Optional arguments of a comparator.

    Attributes:
        what: what is wrong, if the name of the quantity does not say it.
        where: further measured numbers that locate the violation.
        because: the cause, or a function that finds it; called only for a violation, since recognising a mistake costs calls.
    """

    what: str
    where: Mapping[str, Number]
    because: Because | Callable[[], Because]


def close(name: str, found: float, expected: float, tolerance: float, **about: Unpack[About]) -> Verdict | None:
    """Return a violation if `found` differs from `expected` by more than `tolerance`, in their own units, or is nan."""
    if abs(found - expected) <= tolerance:
        return None
    return violation({name: found}, {name: expected, "tolerance": tolerance}, **about)


def proportional(
    name: str, found: float, expected: float, tolerance: float, *, size: float | None = None, **about: Unpack[About]
) -> Verdict | None:
    """Return a violation if the two differ by more than `tolerance` times `size`, by default the size of the expected value."""
    if abs(found - expected) <= tolerance * (abs(expected) if size is None else size):
        return None
    ratio = found / expected if expected else math.nan
    return violation({name: found, "ratio": ratio}, {name: expected, "ratio": 1.0, "relative tolerance": tolerance}, **about)


def positive(name: str, found: float, *, beyond: float = 0.0, **about: Unpack[About]) -> Verdict | None:
    """Return a violation unless `found` is greater than 0, or than `beyond` if rounding reaches that far."""
    return None if found > beyond else violation({name: found}, {name: "> 0"}, **about)


def nonnegative(name: str, found: float, tolerance: float, **about: Unpack[About]) -> Verdict | None:
    """Return a violation if `found` is less than 0 by more than `tolerance`."""
    return None if found >= -tolerance else violation({name: found}, {name: ">= 0"}, **about)


def at_most(name: str, found: float, bound: float, **about: Unpack[About]) -> Verdict | None:
    """Return a violation if `found` is greater than `bound`."""
    return None if found <= bound else violation({name: found}, {name: f"<= {bound:g}"}, **about)


def same(name: str, found: Number, expected: Number, **about: Unpack[About]) -> Verdict | None:
    """Return a violation if a count, a shape in words or a flag is not as expected."""
    return None if found == expected else violation({name: found}, {name: expected}, **about)


def alike(found: Tensor, expected: Tensor, tolerance: float, *, scale: float | None = None, **about: Unpack[About]) -> Verdict | None:
    """Return a violation if two tensors differ in shape, or by more than `tolerance` relative to their size (see `relative_difference`)."""
    difference: Number = "shapes"
    if found.shape == expected.shape:
        difference = relative_difference(found, expected, scale)
        if difference <= tolerance:
            return None
    return violation({"relative difference": difference}, {"relative difference": 0.0, "tolerance": tolerance}, **about)


def unchanged(first: Sequence[Tensor], again: Sequence[Tensor], **about: Unpack[About]) -> Verdict | None:
    """Return a violation if two runs do not return bitwise identical tensors."""
    pairs = list(zip(first, again, strict=True))
    if all(torch.equal(one, other) for one, other in pairs):
        return None
    difference = max(relative_difference(one, other) for one, other in pairs)
    return violation({"largest difference": difference}, {"largest difference": 0.0}, **about)


def finite(name: str, value: Tensor, **about: Unpack[About]) -> Verdict | None:
    """Return a violation if an entry is infinite or nan."""
    if bool(torch.isfinite(value).all()):
        return None
    about.setdefault("because", "overflow")
    return violation({name: "not finite"}, {name: "finite"}, **about)


def likely(decision: Decision, level: float, **about: Unpack[About]) -> Verdict | None:
    """Return a violation if draws were rejected: the rejected pivot, its expectation, and this level."""
    if not decision.rejected:
        return None
    pivot = decision.pivot
    measured = {pivot.name: pivot.value, "p": pivot.p, "n": decision.draws}
    return violation(measured, {pivot.name: pivot.expected, "level": level}, **about)


def violation(measured: Mapping[str, Number], expected: Mapping[str, Number], **about: Unpack[About]) -> Verdict:
    """Return a violation in the comparators' form, for other comparisons; the first quantity of each mapping is the one compared."""
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


def first_violation(check: Callable[Arguments, Iterator[Verdict | None]]) -> Callable[Arguments, Verdict | None]:
    """Turn a generator of comparisons into a function that returns the first violation, or None; later ones are not evaluated."""

    @wraps(check)
    def first(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Verdict | None:
        return first_of(check(*args, **kwargs))

    return first


def first_of(comparisons: Iterable[Verdict | None]) -> Verdict | None:
    """Return the first violation, or None."""
    return next((found for found in comparisons if found is not None), None)


def relative_difference(found: Tensor, expected: Tensor, scale: float | None = None) -> float:
    """Return the largest difference relative to `scale`, by default the largest absolute value of `expected`."""
    return float((found - expected).abs().max()) / (UNIT_FLOOR + (float(expected.abs().max()) if scale is None else scale))


def in_shape_of(wanted: Tensor, given: Tensor) -> Tensor:
    """Return `given` reshaped like `wanted` if it has as many entries, else unchanged."""
    return given.reshape(wanted.shape) if given.numel() == wanted.numel() else given


def worst(found: Tensor, expected: Tensor, allowed: Tensor | float = 0.0) -> int:
    """Return the flat index at which the difference exceeds the allowed one most."""
    return int(((found - expected).abs() - allowed).argmax())


def entry(at: int, *tensors: Tensor) -> list[float]:
    """Return the entry at a flat index of each tensor."""
    return [float(one.flatten()[at]) for one in tensors]
