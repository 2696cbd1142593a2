"""The child of a run: processes that take its claims one after another, and append their events to the run's file.

With several workers this process imports what they need, forks them where the system can, and waits: a worker that ends on its own ends
the child, and the supervisor starts another for the remaining claims.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
import warnings
from collections.abc import Iterable, Sequence
from multiprocessing.connection import wait
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vae_conformance.errors import Unbound
from vae_conformance.runner.events import Emit, EventFile, Finished, Lost, NotBound, Promised, Started
from vae_conformance.runner.run_state import Limits
from vae_conformance.runner.selection import in_asking_order, selected
from vae_conformance.runner.session import Session
from vae_conformance.runner.stages import ExactStage, stops_run
from vae_conformance.runner.worker_process import Assignment
from vae_spec.claim import Claim
from vae_spec.lazy import import_all
from vae_spec.registry import CLAIMS

if TYPE_CHECKING:
    from multiprocessing.queues import SimpleQueue
    from multiprocessing.sharedctypes import SynchronizedArray
    from multiprocessing.synchronize import Event

IDLE, DONE = -1, -2
"""What a worker is doing if it is not asking a claim: nothing yet or anymore, and it has ended well."""


class Desk:
    """What the workers of a child share: the claims that none has taken yet, what each is doing, and whether the run has ended.

    Args:
        context: how processes are started.
        claims: the ids of the claims to ask, in order.
        workers: the number of workers.
    """

    def __init__(self, context: Any, claims: Sequence[str], workers: int) -> None:
        self.claims = claims
        self.ended: Event = context.Event()
        self.doing: SynchronizedArray[int] = context.Array("i", [IDLE] * workers)
        self._waiting: SimpleQueue[int] = context.SimpleQueue()
        for number in [*range(len(claims)), *[DONE] * workers]:
            self._waiting.put(number)

    def take(self) -> int:
        """Return the number of the next claim, or `DONE`."""
        return DONE if self.ended.is_set() else self._waiting.get()


class Worker:
    """Asks claims of one implementation until none is left.

    Args:
        assignment: the task of the child.
        desk: what the workers of the child share.
        place: the worker's number.
    """

    def __init__(self, assignment: Assignment, desk: Desk, place: int) -> None:
        self._options, self._desk, self._place = assignment.options, desk, place
        self._events = EventFile(assignment.events)
        self._session = Session(self._options, self._events.append)
        self._exact = ExactStage(selected(self._options), self._options, assignment.skip, assignment.fix_first)

    def work(self) -> None:
        """Ask claims until none is left, the run has ended, or the target cannot be bound."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                while (number := self._desk.take()) != DONE:
                    self._ask(number)
            except Unbound as error:
                self._desk.ended.set()
                self._events.append(NotBound(error.message, error.hint))
        self._desk.doing[self._place] = DONE

    def _ask(self, number: int) -> None:
        claim = self._desk.claims[number]
        started = time.perf_counter()
        self._session.bind()
        fix_first = self._fix_first(claim)
        if self._desk.ended.is_set():
            return
        self._desk.doing[self._place] = number
        self._events.append(Started(claim))
        verdict = self._session.verdict(claim, fix_first)
        record = self._session.record(claim, verdict, time.perf_counter() - started)
        self._events.append(record)
        self._desk.doing[self._place] = IDLE
        if stops_run(record, self._options):
            self._desk.ended.set()

    def _fix_first(self, claim: str) -> tuple[str, ...]:
        """Return the violated claims that keep a claim from being asked, once they are known: other workers may still decide some."""
        if not CLAIMS[claim].trained:
            return ()
        self._exact.wait(self._events, Limits.of(self._options).claim)
        if self._exact.run_has_ended:
            self._desk.ended.set()
        return self._exact.fix_first


def run(assignment: Assignment) -> None:
    """Do the task of a child."""
    emit = EventFile(assignment.events).append
    try:
        chosen = selected(assignment.options)
        if assignment.inspect:
            Session(assignment.options, emit).bind()
    except Unbound as error:
        emit(NotBound(error.message, error.hint))
        return
    if not assignment.inspect:
        emit(Promised(tuple(claim.id for claim in chosen)))
        _ask_all((claim for claim in chosen if claim.id not in assignment.skip), assignment, emit)
    emit(Finished())


def _ask_all(claims: Iterable[Claim], assignment: Assignment, emit: Emit) -> None:
    """Ask claims, in as many processes as the assignment has workers; end as the first one does that does not end well."""
    import_all()
    # Forked workers share what this process has imported; elsewhere PyTorch does not survive a fork.
    context: Any = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    desk = Desk(context, [claim.id for claim in in_asking_order(claims, assignment.options)], assignment.workers)
    if assignment.workers == 1:
        Worker(assignment, desk, 0).work()
        return
    processes = [context.Process(target=_work, args=(assignment, desk, place)) for place in range(assignment.workers)]
    for process in processes:
        process.start()
    places = {process.sentinel: place for place, process in enumerate(processes)}
    while places:
        for sentinel in wait(list(places)):
            place = places.pop(sentinel)
            processes[place].join()
            doing = desk.doing[place]
            if doing == DONE:
                continue
            if doing != IDLE:
                emit(Lost(desk.claims[doing]))
            _end(processes[place].exitcode)


def _work(assignment: Assignment, desk: Desk, place: int) -> None:
    Worker(assignment, desk, place).work()
    _end(0)


def _end(code: int) -> None:
    """End the process at once with an exit code, or by a signal if it is negative.

    Threads that the implementation has started, and its exit handlers, do not delay the end.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    if code < 0:
        signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


def main(folder: Path) -> None:
    """Do the task that is in a folder, and end the process."""
    run(Assignment.read(folder))
    _end(0)
