"""The errors that end a run without a verdict, each with a hint for the user."""

from __future__ import annotations

from pathlib import Path


class Unbound(Exception):
    """The target cannot be loaded or bound, or an option names something that does not exist: exit code 2.

    Attributes:
        message: what is wrong, and where.
        hint: how to fix it.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class WrongRecord(Unbound, ValueError):
    """A field of an `Implementation` record is invalid; also a `ValueError`, for code that constructs one."""

    def __str__(self) -> str:
        """Return the message followed by the hint."""
        return ". ".join(filter(None, (self.message, self.hint)))


def unparsable(doing: str, fault: SyntaxError) -> Unbound:
    """Return the error for source code that is no valid Python, with the file, the line and its text."""
    where = f"{Path(fault.filename or 'the source').name}, line {fault.lineno}"
    text = f": {fault.text.strip()}" if fault.text else ""
    return Unbound(f"{doing} failed: {fault.msg}\n  {where}{text}", "Correct the syntax of that line, or of the one before it.")
