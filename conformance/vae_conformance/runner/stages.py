"""The two stages of a run: exact claims first, then those on trainings, unless a required exact claim is violated."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from vae_conformance.config.options import RunOptions
from vae_conformance.exit_codes import gates
from vae_conformance.runner.events import ClaimVerdict, Event, EventFile, NotBound, SuiteError
from vae_spec.outcomes import Level, Outcome

if TYPE_CHECKING:
    from vae_spec.claim import Claim

POLL = 0.05
"""Seconds between two looks at what other processes have decided."""


def stops_trainings(verdict: ClaimVerdict, options: RunOptions) -> bool:
    """Return whether claims on training are left out because of this verdict: a required exact claim is violated, and not as expected.

    Given weights are judged without a training, so there nothing is left out.
    """
    return _counts(verdict, verdict.claim, options) and verdict.outcome is Outcome.VIOLATED


def stops_run(verdict: ClaimVerdict, options: RunOptions) -> bool:
    """Return whether the run ends with this verdict: under `fail_fast`, a claim that gates is violated, and not as expected."""
    failed = verdict.outcome in {Outcome.VIOLATED, Outcome.ERROR} and gates(verdict.level, options.gate)
    return options.fail_fast and failed and verdict.claim not in options.expected_failures


def _counts(claim: Claim | ClaimVerdict, name: str, options: RunOptions) -> bool:
    required = claim.level is Level.REQUIRED and not claim.trained
    return required and not options.keep_going and options.weights is None and name not in options.expected_failures


class ExactStage:
    """The required exact claims of a run, as far as its processes have decided them.

    Args:
        claims: the claims of the run, in the order of reports.
        options: its options.
        decided: the ids of those that earlier processes have decided.
        violated: the ids of these whose violation stops trainings.
    """

    def __init__(self, claims: Iterable[Claim], options: RunOptions, decided: Collection[str] = (), violated: Collection[str] = ()) -> None:
        self._options = options
        counting = [claim.id for claim in claims if _counts(claim, claim.id, options)]
        self._violated = {claim: claim in violated if claim in decided else None for claim in counting}
        self.run_has_ended = False

    @property
    def fix_first(self) -> tuple[str, ...]:
        """The ids of those that are violated, in the order of reports; as long as there are any, nothing is trained."""
        return tuple(claim for claim, violated in self._violated.items() if violated)

    def note(self, event: Event) -> None:
        """Record one event; the first verdict on a claim is final."""
        match event:
            case ClaimVerdict():
                if self._violated.get(event.claim, False) is None:
                    self._violated[event.claim] = stops_trainings(event, self._options)
                self.run_has_ended |= stops_run(event, self._options)
            case NotBound() | SuiteError():
                self.run_has_ended = True

    def wait(self, events: EventFile, patience: float) -> None:
        """Wait until all are decided, the run has ended, or no event has come for `patience` seconds, which only a failing suite does."""
        latest = time.monotonic()
        while True:
            fresh = events.new()
            for event in fresh:
                self.note(event)
            latest = time.monotonic() if fresh else latest
            if self.run_has_ended or None not in self._violated.values() or time.monotonic() - latest > patience:
                return
            time.sleep(POLL)
