"""Progress of a run's trainings, and an estimate of the remaining time."""

from __future__ import annotations

LEAST = 2
"""Trainings that must be done before an estimate is shown."""
MINUTES_FROM = 100.0
"""Seconds from which on the estimate is shown in minutes."""


class Pace:
    """The number of trainings done and needed, and the rate at which they are done."""

    def __init__(self) -> None:
        self._began: float | None = None
        self._before = self._done = self._planned = 0
        self._latest = 0.0

    def note(self, done: int, planned: int, now: float) -> None:
        """Record how many trainings are done and planned at time `now`, in seconds. If processes disagree, the largest numbers count."""
        if self._began is None:
            self._began, self._latest, self._before = now, now, done
        if done > self._done:
            self._latest = now
        self._done, self._planned = max(self._done, done), max(self._planned, planned)

    def words(self, now: float) -> str:
        """Return text such as `9/15 trainings, about 40 s for the rest`, or an empty string if no training is needed.

        The time is left out until `LEAST` trainings are done. Stored runs count as done, but not towards the rate.
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
