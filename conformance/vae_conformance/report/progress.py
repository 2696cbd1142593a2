"""What is shown while a run goes on: one line that is rewritten on a terminal, now and then a line elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import TextIO

from vae_conformance.events import Bound, ClaimVerdict, Event, Progress, Promised, Started

SECONDS_BETWEEN_LINES = 5.0


class ProgressLine:
    """Shows events as they come.

    Args:
        stream: where to, commonly standard error.
        width: the columns of the terminal.
        clock: seconds, for tests.
    """

    def __init__(self, stream: TextIO, *, width: int = 100, clock: Callable[[], float] = monotonic) -> None:
        self._stream = stream
        self._rewrites = stream.isatty()
        self._width = width
        self._clock = clock
        self._last_line: float | None = None
        self._promised = 0
        self._decided = 0
        self._now = "loading"

    def __call__(self, event: Event) -> None:
        """Take one event in, and show where the run stands."""
        match event:
            case Bound():
                self._now = "bound"
            case Promised():
                self._promised = max(self._promised, len(event.claims))
            case Started():
                self._now = event.claim
            case Progress():
                self._now = event.text
            case ClaimVerdict():
                self._decided += 1
                self._now = f"{event.claim} {event.outcome.value}"
            case _:
                return
        self._show(f"{self._decided}/{self._promised} claims  {self._now}" if self._promised else self._now)

    def close(self) -> None:
        """Take the rewritten line away."""
        if self._rewrites:
            self._write("\r\x1b[2K")

    def _show(self, text: str) -> None:
        line = " ".join(text.split())[: self._width - 1]
        if self._rewrites:
            self._write(f"\r\x1b[2K{line}")
            return
        now = self._clock()
        if self._last_line is None or now - self._last_line >= SECONDS_BETWEEN_LINES:
            self._last_line = now
            self._write(line + "\n")

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()
