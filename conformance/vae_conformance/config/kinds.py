"""Option types: how a value is parsed from the command line, and read from TOML or Python.

Every parser raises ValueError with one plain sentence.
"""

from __future__ import annotations

from argparse import ArgumentTypeError
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any, Generic, TypeVar

from vae_conformance.config import values

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True)
class Kind(Generic[T_co]):
    """The type of an option.

    Attributes:
        of_value: reads a value from TOML or Python; its second argument is the folder that relative paths start from.
        of_text: parses a command-line argument; None for a flag, which takes none.
        metavar: the placeholder of its argument in the help; empty if it has none, or choices.
        choices: the allowed values; empty if they are not enumerated.
        joined: merges the values of a repeatable option; None if it is not repeatable.
    """

    of_value: Callable[[Any, Path], T_co]
    of_text: Callable[[str], Any] | None
    metavar: str = ""
    choices: tuple[str, ...] = ()
    joined: Callable[[Sequence[Any]], T_co] | None = None


def choice(names: tuple[str, ...]) -> Kind[str]:
    """Return the type of an option whose value is one of some names."""
    return Kind(lambda value, _folder: values.one_of(_text(value), names), str, choices=names)


def checked(check: Callable[[str], T]) -> Callable[[str], T]:
    """Wrap a check for argparse, so that the user sees the message of its ValueError."""

    def convert(text: str) -> T:
        try:
            return check(text)
        except ValueError as error:
            raise ArgumentTypeError(str(error)) from error

    return convert


def shown(value: object) -> str:
    """Format a value as the command line accepts it."""
    if isinstance(value, tuple):
        return ",".join(map(shown, value))
    if isinstance(value, float):
        short = f"{value:g}"
        return short if float(short) == value else repr(value)
    return str(value)


class _ValueMistakeError(ValueError):
    """An invalid value, of any type."""


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise _ValueMistakeError(f"{value!r} is not a text")
    return value


def _path(value: Any, folder: Path) -> str:
    return str(folder / (value if isinstance(value, Path) else _text(value)))


def _flag(value: Any, _folder: Path) -> bool:
    if not isinstance(value, bool):
        raise _ValueMistakeError(f"{value!r} is neither true nor false")
    return value


def _positive(value: Any, _folder: Path) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _ValueMistakeError(f"{value!r} is not a number above 0")
    return values.positive_number(value)


def _row(value: Any) -> str:
    """Format a list of numbers, or a text, in the command line's notation."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, list | tuple) and all(isinstance(entry, int | float) and not isinstance(entry, bool) for entry in value):
        return ",".join(str(entry) for entry in value)
    if isinstance(value, str):
        return value
    raise _ValueMistakeError(f"{value!r} is not a list of numbers")


def _selection(value: Any, _folder: Path) -> tuple[str, ...]:
    entries = [value] if isinstance(value, str) else value
    if not isinstance(entries, Collection) or not all(isinstance(entry, str) for entry in entries):
        raise _ValueMistakeError(f"{value!r} is neither a text nor a list of texts")
    return _each_once(map(values.selection, entries))


def _each_once(selections: Iterable[Iterable[str]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(chain.from_iterable(selections)))


def _failures(value: Any, _folder: Path) -> dict[str, str]:
    if not isinstance(value, Mapping):
        raise _ValueMistakeError('must be a table of reasons, such as KL-02 = "the KL is weighed on purpose"')
    reasons: dict[str, str] = {}
    for identifier, reason in value.items():
        if not isinstance(reason, str) or not reason.strip():
            raise _ValueMistakeError(f"{identifier} needs a reason, as a text")
        reasons[values.claim_id(identifier)] = reason.strip()
    return reasons


FLAG: Kind[bool] = Kind(_flag, None)
NAME: Kind[str] = Kind(lambda value, _folder: _text(value), str, "NAME")
PATH: Kind[str] = Kind(_path, str, "PATH")
FILE: Kind[str] = replace(PATH, metavar="FILE")
SEED: Kind[int] = Kind(lambda value, _folder: values.seed(str(value)), values.seed, "N")
WEIGHT: Kind[float] = Kind(_positive, values.positive_number, "B")
SECONDS: Kind[float] = replace(WEIGHT, metavar="S")
SHAPE: Kind[tuple[int, ...]] = Kind(lambda value, _folder: values.input_shape(_row(value)), values.input_shape, "SHAPE")
RANGE: Kind[tuple[float, float]] = Kind(lambda value, _folder: values.input_range(_row(value)), values.input_range, "LOW,HIGH")
SELECTION: Kind[tuple[str, ...]] = Kind(_selection, values.selection, "IDS", joined=_each_once)
FAILURES: Kind[dict[str, str]] = Kind(_failures, values.expected_failure, "ID=REASON", joined=dict)
