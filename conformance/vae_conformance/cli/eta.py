"""How far the trainings of a run have come, and how long the rest may take."""

from __future__ import annotations

LEAST = 2
"""Trainings that must have been made before an estimate is given."""
MINUTES_FROM = 100.0
"""Seconds from which on minutes are told."""


class Pace:
    """The trainings of a run: those made of those known to be needed, and the rate at which they are made."""

    def __init__(self) -> None:
        self._began: float | None = None
        self._before = self._done = self._planned = 0
        self._latest = 0.0

    def note(self, done: int, planned: int, now: float) -> None:
        """Take in how many are made and needed at a time, in seconds of any clock. Processes differ in what they know; the most counts."""
        if self._began is None:
            self._began, self._latest, self._before = now, now, done
        if done > self._done:
            self._latest = now
        self._done, self._planned = max(self._done, done), max(self._planned, planned)

    def words(self, now: float) -> str:
        """`9/15 trainings, about 40 s for the rest`; no time before two are made, nothing where none is needed.

        What was stored before is no sign of the rate, so it counts as made and in no other way.
        """
        if self._began is None or not self._planned:
            return ""
        made, rest = self._done - self._before, self._planned - self._done
        text = f"{self._done}/{self._planned} trainings"
        if made < LEAST or not rest:
            return text
        seconds = max((self._latest - self._began) / made * rest - (now - self._latest), 1.0)
        return f"{text}, about {_duration(seconds)} for the rest"


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < MINUTES_FROM else f"{seconds / 60:.0f} min"
