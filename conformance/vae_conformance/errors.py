"""The errors that end a run before or beside its verdicts, each with what the user can do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vae_conformance.report.record import Report


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


class ConformanceError(AssertionError):
    """An implementation does not conform: what `Report.raise_for_violations` raises. Its text is what the terminal would show.

    An `AssertionError`, so that a test that raises it has failed and is not broken.

    Attributes:
        report: the report of the run.
    """

    def __init__(self, text: str, report: Report) -> None:
        super().__init__(text)
        self.report = report
