"""Progress of a run: one line that is rewritten on a terminal, and occasional lines elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import TextIO

from rich.live import Live

from vae_conformance.cli.eta import Pace
from vae_conformance.report.console import console_for, words
from vae_conformance.runner.events import Bound, ClaimVerdict, Event, Progress, Promised, Started

SECONDS_BETWEEN_LINES, MOST_SECONDS_BETWEEN_LINES = 5.0, 30.0
SHARE_OF_TIME = 0.1
"""Share of the elapsed time after which a log gets its next line, within the bounds above."""


class ProgressLine:
    """A listener that shows the progress of a run."""

    def __init__(self, stream: TextIO, *, clock: Callable[[], float] = monotonic) -> None:
        self._console = console_for(stream)
        self._live: Live | None = None
        self._rewrites = stream.isatty() and not self._console.is_dumb_terminal
        self._clock = clock
        self._first_line: float | None = None
        self._last_line = 0.0
        self._pace = Pace()
        self._promised = 0
        self._decided = 0
        self._now = "loading"

    def __call__(self, event: Event) -> None:
        """Handle one event and show the progress."""
        now = self._clock()
        trainings = ""
        match event:
            case Bound():
                self._now = "bound"
            case Promised():
                self._promised = max(self._promised, len(event.claims))
            case Started():
                self._now = event.claim
            case Progress():
                self._now = event.text
                if event.planned:
                    self._pace.note(event.done, event.planned, now)
                    trainings = f", {self._pace.words(now)}"
            case ClaimVerdict():
                self._decided += 1
                self._now = f"{event.claim} {event.outcome.value}"
            case _:
                return
        self._show(f"{self._decided}/{self._promised} claims{trainings}: {self._now}" if self._promised else self._now, now)

    def close(self) -> None:
        """Clear the rewritten line."""
        if self._live is not None:
            self._live.stop()

    def _show(self, text: str, now: float) -> None:
        line = words(" ".join(text.split()))
        if self._rewrites:
            line.truncate(self._console.width, overflow="ellipsis")
            self._rewritten().update(line, refresh=True)
        elif self._first_line is None or now - self._last_line >= self._pause(now - self._first_line):
            self._first_line = now if self._first_line is None else self._first_line
            self._last_line = now
            self._console.print(line, soft_wrap=True)

    def _rewritten(self) -> Live:
        if self._live is None:
            self._live = Live(console=self._console, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False)
            self._live.start()
        return self._live

    @staticmethod
    def _pause(so_far: float) -> float:
        """Return the seconds until the next line of a log, which grow so that a long run does not flood it."""
        return min(max(SHARE_OF_TIME * so_far, SECONDS_BETWEEN_LINES), MOST_SECONDS_BETWEEN_LINES)
