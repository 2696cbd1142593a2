"""Progress of a run: one line that is rewritten on a terminal, and occasional lines elsewhere, with an estimate of the remaining time.

Between them stand lines that stay: each claim that does not hold, as soon as that is decided, and what the run is about to train.
"""

from __future__ import annotations

import contextlib
import importlib
import threading
from collections.abc import Callable, Collection
from time import monotonic
from typing import TextIO

from rich.live import Live

from vae_conformance.report.console import console_for, words
from vae_conformance.report.terminal import COLOURS
from vae_conformance.report.wording import number
from vae_conformance.runner.events import Bound, ClaimVerdict, Event, Planned, Progress, Promised, Started, Trained
from vae_spec.outcomes import Outcome

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


def forecast(planned: Planned, workers: int) -> str:
    """Return what the run is about to train and about how long it takes, shared by this many processes."""
    times = "once" if planned.trainings == 1 else f"{number(planned.trainings)} times"
    about = f": about {_duration(planned.seconds / min(workers, planned.trainings))}" if planned.seconds else ""
    return f"trains your model {times} on {number(planned.items)} {planned.data}{about}; --profile exact skips this"


SECONDS_BETWEEN_LINES, MOST_SECONDS_BETWEEN_LINES = 5.0, 30.0
SHARE_OF_TIME = 0.1
"""Share of the elapsed time after which a log gets its next line, within the bounds above."""


class ProgressLine:
    """A listener that shows the progress of a run.

    Args:
        stream: where to.
        workers: the number of processes that share the trainings.
        expected: the ids of the claims that may fail.
        verbose: whether claims that hold or do not apply get a line too.
        clock: the time in seconds.
    """

    def __init__(
        self,
        stream: TextIO,
        *,
        workers: int = 1,
        expected: Collection[str] = (),
        verbose: bool = False,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._console = console_for(stream)
        self._live: Live | None = None
        self._rewrites = stream.isatty() and not self._console.is_dumb_terminal
        self._workers = workers
        self._expected = expected
        self._quiet = frozenset() if verbose else frozenset({Outcome.HOLDS, Outcome.NOT_APPLICABLE, Outcome.NOT_ASKED})
        self._clock = clock
        self._first_line: float | None = None
        self._last_line = 0.0
        self._pace = Pace()
        self._promised = 0
        self._decided = 0
        self._planned = False
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
            case Planned():
                if not self._planned:  # each process says so
                    self._keep(forecast(event, self._workers))
                self._planned = True
                return
            case ClaimVerdict():
                self._decided += event.outcome is not Outcome.NOT_ASKED
                self._now = f"{event.claim} {event.outcome.words}"
                if event.outcome not in self._quiet and event.claim not in self._expected:
                    self._keep(": ".join(filter(None, (self._now, event.title))), COLOURS[event.outcome])
            case _:
                return
        self._show(f"{self._decided}/{self._promised} claims{trainings}: {self._now}" if self._promised else self._now, now)

    def close(self) -> None:
        """Clear the rewritten line."""
        if self._live is not None:
            self._live.stop()

    def _keep(self, text: str, style: str = "") -> None:
        """Print a line that stays; on a terminal above the one that is rewritten."""
        self._console.print(words(" ".join(text.split()), style), soft_wrap=True)

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


MODULES = ("vae_conformance.report.html.collect_figures", "sklearn.manifold")
"""Modules that take seconds to import."""


class Preloader:
    """A listener that starts the imports at the first event about trained runs, since the page will show them."""

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None

    def __call__(self, event: Event) -> None:
        """Handle one event."""
        if isinstance(event, Trained) and self._thread is None:
            # Not a daemon thread: exiting in the middle of an import of compiled code may crash the process.
            self._thread = threading.Thread(target=_import)
            self._thread.start()


def _import() -> None:
    with contextlib.suppress(Exception):  # the import is repeated where it is needed, and reports the error there
        for name in MODULES:
            importlib.import_module(name)
