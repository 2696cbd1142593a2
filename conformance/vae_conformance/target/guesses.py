"""Other forms of guessed constructor arguments, and the words for a guess: what was assumed, and what to add where it fails."""

from __future__ import annotations

import inspect
import itertools
import math
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import cast

from vae_conformance.errors import Unbound
from vae_conformance.target.parameter_names import is_input

_LARGEST = 5
"""The maximum number of arguments whose other form is tried, in all combinations."""


def other_forms(arguments: Mapping[str, object], guessed: Collection[str], shape: tuple[int, ...]) -> Iterator[dict[str, object]]:
    """Yield the arguments with some guesses in another form, the fewest changes first."""
    forms = {name: found for name in guessed if (found := _forms(name, arguments[name], shape))}
    names = list(forms)[:_LARGEST]
    for count in range(1, len(names) + 1):
        for changed in itertools.combinations(names, count):
            for values in itertools.product(*(forms[name] for name in changed)):
                yield {**arguments, **dict(zip(changed, values, strict=True))}


def in_form_of(arguments: Mapping[str, object], others: Mapping[str, object], shape: tuple[int, ...]) -> dict[str, object]:
    """Return the arguments, each of them in the form that it has in others."""
    found = dict(arguments)
    for name, like in others.items():
        if name in arguments and type(arguments[name]) is not type(like):
            forms = [one for one in _forms(name, arguments[name], shape) if type(one) is type(like)]
            same = [one for one in forms if not isinstance(like, tuple | list) or len(cast("tuple[int, ...]", one)) == len(like)]
            found[name] = (same or forms or [arguments[name]])[0]
    return found


def _forms(name: str, value: object, shape: tuple[int, ...]) -> list[object]:
    """Return the other forms of an argument.

    Those of a number are the shape of an item, then its height and width, for a name of the input, and a list of this one size for any
    other name; that of a shape is its number of entries, and those of a list its only element and lists of more, each half as large.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return list(dict.fromkeys((shape, shape[-2:]))) if is_input(name) else [[value]]
    if isinstance(value, tuple | list) and value and all(isinstance(one, int) for one in value):
        if len(value) > 1:
            return [math.prod(value)]
        size = cast("int", value[0])
        return [size, [size, size // 2], [size, size // 2, size // 4]]
    return []


def is_about_form(fault: Unbound) -> bool:
    """Return whether a construction failed because it was given a number instead of a sequence, the reverse, or too short a sequence."""
    return isinstance(fault.__cause__, TypeError | IndexError | ValueError)


def assumption(arguments: Mapping[str, object], guessed: Collection[str]) -> str:
    """Return the sentence on the guessed arguments."""
    shown = ", ".join(f"{name}={arguments[name]!r}" for name in guessed)
    return f"{shown}: guessed from the names, for nothing in the file gives them" if shown else ""


def line_to_add(maker: Callable[..., object], label: str, needed: Collection[str]) -> str:
    """Return the advice to add a line that builds the object that was asked for."""
    file = label.rpartition(":")[0] or label
    called = getattr(maker, "__name__", label)
    if "+" in called:
        first, second = called.split("+")
        return (
            f"add a class that holds both with your sizes, `class VAE(nn.Module)` with `self.encoder = {first}(...)` and "
            f"`self.decoder = {second}(...)`, and name it: {file}:VAE"
        )
    given = ", ".join(f"{one}=..." for one in needed)
    return f"add a line that builds the model, `def make(): return {called}({given})` with your values, and name it: {file}:make"


def guess_failed(fault: Unbound, maker: Callable[..., object], label: str, guessed: Collection[str]) -> Unbound:
    """Return the error for guessed arguments that do not work: it asks for the arguments and does not blame the file."""
    what = "class" if inspect.isclass(maker) else "function"
    advice = f"The values are the suite's guesses, and the {what} needs others: {line_to_add(maker, label, guessed)}"
    failed = Unbound(fault.message, advice)
    failed.__cause__ = fault.__cause__
    return failed
