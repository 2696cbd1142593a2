"""The errors that end a run before or beside its verdicts, each with what the user can do about it."""

from __future__ import annotations


class Unbound(Exception):
    """The target cannot be loaded or bound, or an option names something that does not exist: exit code 2.

    Attributes:
        message: what was wrong, and where.
        hint: what to do.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class WrongRecord(Unbound, ValueError):
    """A field of an `Implementation` record is not what it must be: to whoever writes one, a `ValueError`."""

    def __str__(self) -> str:
        """What is wrong, and what to do."""
        return ". ".join(filter(None, (self.message, self.hint)))
