"""Run the suite in child processes that user code may exit, crash or hang.

Verdicts of a child are final. A claim during which the implementation's code exits or stalls the process is violated, and a new child asks
the remaining ones. If several claims were in progress, and it is not known during which of them the child ended or stalled, the responsible
one is unknown, so the new child asks one at a time.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import msgspec

from vae_conformance.config.options import RunOptions
from vae_conformance.runner.events import Bound, ClaimVerdict, Emit, EventFile, Finished, Loading, NotBound, Probing, SuiteError
from vae_conformance.runner.run_state import Limits, RunState
from vae_conformance.runner.stages import stops_run, stops_trainings
from vae_conformance.runner.worker_process import Assignment, Child, CommandOf, worker_command
from vae_spec.outcomes import Level, Outcome

MAX_CHILDREN = 5
"""The maximum number of children of a run; after it, the remaining claims count as violated."""

ENDED_HINT = (
    "take os._exit, sys.exit, quit and the like out of the code that encode, forward, decode and the loss run; "
    "a segmentation fault comes from a compiled extension, and signal 9 mostly from a lack of memory"
)
LOG_LINES = 25
"""The number of last log lines that an error of the suite shows."""
STALLED_HINT = "look for a loop without an end, a lock or a wait for input; --time-limit gives slow code more time"

_SIGNS_OF_THE_SUITE = re.compile(r"^(Traceback \(most recent|\w*(Error|Exception)\b)", re.MULTILINE)
"""Matches a log of a child that the suite, not the implementation, ended before its first event."""


def unlabelled(claim: str) -> ClaimVerdict:
    """Return a violation of a claim of which only the id is known."""
    return ClaimVerdict(claim, "", Level.REQUIRED, "", Outcome.VIOLATED, "")


def labelled(claim: str) -> ClaimVerdict:
    """Return a violation with the claim's facts from the specification."""
    from vae_spec.registry import CLAIMS  # noqa: PLC0415  imports NumPy, and help must appear at once

    entry = CLAIMS.get(claim)
    if entry is None:
        return unlabelled(claim)
    return msgspec.structs.replace(
        unlabelled(claim),
        title=entry.title,
        level=entry.level,
        source="; ".join(str(source) for source in entry.sources),
        statement=entry.statement,
        trained=entry.trained,
        decision=entry.decision,
        parts=tuple(str(part) for part in entry.concerns),
    )


@dataclass(frozen=True)
class _End:
    """The end of a child: its cause in words, and whether the child had to be killed."""

    account: str
    stalled: bool
    by_signal: bool
    log: str

    @property
    def log_tail(self) -> str:
        """The last lines of the log."""
        return "\n".join(self.log.splitlines()[-LOG_LINES:])


class Supervisor:
    """Runs the suite on one implementation.

    Args:
        options: the options of the run.
        workers: the number of processes that ask claims at a time.
        on_event: called with every event as it arrives.
        command_of: returns the child's command line.
        limits: the silence limits of a child.
        label_of: returns the verdict on a claim that a child could not finish, without its message.
        inspect: bind only, ask no claims.
    """

    def __init__(
        self,
        options: RunOptions,
        *,
        workers: int = 1,
        on_event: Emit = lambda _event: None,
        command_of: CommandOf = worker_command,
        limits: Limits | None = None,
        label_of: Callable[[str], ClaimVerdict] = labelled,
        inspect: bool = False,
    ) -> None:
        self._options = options
        self._workers = workers
        self._on_event = on_event
        self._command_of = command_of
        self._limits = limits or Limits.of(options)
        self._label_of = label_of
        self._inspect = inspect
        self.state = RunState()

    def run(self) -> RunState:
        """Run children until every promised claim is decided, or the remaining ones cannot be.

        Raises:
            KeyboardInterrupt: the user stopped it; the child and its subprocesses have been killed, and `state` holds what was decided.
        """
        with tempfile.TemporaryDirectory(prefix="vae-conformance-") as folder:
            for number in range(1, MAX_CHILDREN + 1):
                self.state.next_child()
                end = self._run_child(Path(folder) / f"child-{number}")
                if not self._settle(end) or any(stops_run(verdict, self._options) for verdict in self.state.verdicts.values()):
                    break
            else:
                self._give_up(f"the implementation ended or stalled the process {MAX_CHILDREN} times")
        return self.state

    def _run_child(self, folder: Path) -> _End:
        folder.mkdir()
        assignment = self._assignment(folder)
        events = EventFile(assignment.events)
        account, stalled, last_sign = "", False, monotonic()
        try:
            with Child(assignment, self._command_of(assignment)) as child:
                while True:
                    ended = child.ended(within_s=self._limits.poll)
                    if self._take(events):
                        last_sign = monotonic()
                    if ended or self.state.lost:
                        account = child.status if ended else "one of its worker processes ended"
                        break
                    allowance = self.state.allowance(self._limits)
                    if monotonic() - last_sign > allowance:
                        account, stalled = f"{allowance:g} s", True
                        break
            self._take(events)
        except KeyboardInterrupt as stop:
            # From the beginning of the file, because the interrupt may have come between reading events and recording them.
            for event in EventFile(assignment.events).new():
                self.state.note(event)
            self.state.stopped_by = str(stop) or "you"
            raise
        return _End(account, stalled, not stalled and child.killed_by_signal, child.log_text())

    def _assignment(self, folder: Path) -> Assignment:
        verdicts = self.state.verdicts
        fix_first = tuple(claim for claim, verdict in verdicts.items() if stops_trainings(verdict, self._options))
        return Assignment(self._options, folder, self._workers, tuple(verdicts), fix_first, self._inspect)

    def _take(self, events: EventFile) -> bool:
        fresh = events.new()
        for event in fresh:
            self.state.note(event)
            self._on_event(event)
        return bool(fresh)

    def _settle(self, end: _End) -> bool:
        """Update the state after a child's end; return whether another child has to ask the remaining claims."""
        state, bound, finished = self.state, Bound in self.state.seen, Finished in self.state.seen
        if state.closed:
            return False
        if not bound and (not finished or Probing in state.seen):
            self._settle_loading(end)
            return False
        if state.lost:
            if state.lost in state.undecided:
                self._decide(state.lost, "the implementation's code ended the process while this claim was asked", ENDED_HINT)
            return bool(state.undecided)
        if finished:
            return False
        if not state.in_flight:
            what = f"nothing happened for {end.account}" if end.stalled else f"its process ended with {end.account}"
            state.suite_error = SuiteError(f"the suite broke off while no claim was being asked: {what}", end.log_tail)
            return False
        if self._workers > 1 and len(state.in_flight) > 1:
            self._workers = 1
        else:
            self._blame(list(state.in_flight)[-1], end)
        return bool(state.undecided)

    def _settle_loading(self, end: _End) -> None:
        suite_broke = Loading not in self.state.seen and not end.by_signal and _SIGNS_OF_THE_SUITE.search(end.log)
        if Probing in self.state.seen and self.state.bound is None:
            what = "stalled" if end.stalled else "ended the process"
            self._give_up(f"the implementation's code {what} while its parts were first called ({end.account})")
        elif self.state.bound is not None:
            self._give_up(f"the implementation could be loaded at first, but not again ({end.account})")
        elif end.stalled:
            self.state.not_bound = NotBound(f"the file was not loaded and bound within {end.account}", STALLED_HINT)
        elif suite_broke:
            self.state.suite_error = SuiteError(f"the suite did not start: {end.account}", end.log_tail)
        else:
            self.state.not_bound = NotBound(
                f"the file ended the process while it was loaded ({end.account})",
                "let the file define the model only; put training scripts behind if __name__ == '__main__'",
            )

    def _blame(self, claim: str, end: _End) -> None:
        if end.stalled:
            self._decide(claim, f"exceeded its time: nothing came back for {end.account}, and the process was ended", STALLED_HINT)
        else:
            self._decide(claim, f"the implementation's code ended the process while this claim was asked ({end.account})", ENDED_HINT)

    def _decide(self, claim: str, message: str, hint: str) -> None:
        try:
            label = self._label_of(claim)
        except ImportError:
            label = unlabelled(claim)
        verdict = msgspec.structs.replace(label, message=message, hint=hint)
        self.state.note(verdict)
        self._on_event(verdict)

    def _give_up(self, reason: str) -> None:
        hint = ENDED_HINT if self.state.bound is None else "fix what is violated above first"
        for claim in self.state.undecided:
            self._decide(claim, f"not judged, because {reason}", hint)
