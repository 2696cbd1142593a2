"""The state of a run: the events of its children so far, the activity of the current child, and its silence limits."""

from __future__ import annotations

from dataclasses import dataclass, field

from vae_conformance.config.options import RunOptions
from vae_conformance.runner.events import (
    Bound,
    ClaimVerdict,
    Event,
    Finished,
    Lost,
    NotBound,
    Progress,
    Promised,
    Started,
    SuiteError,
    Trained,
)


@dataclass(frozen=True)
class Limits:
    """The seconds that a child may be silent before it is killed.

    Attributes:
        loading: until the implementation is bound.
        claim: while a claim is asked.
        training: while a training reports progress, and while no claim is asked.
        finishing: after the child's `Finished` event.
        poll: the interval at which its events are read.
    """

    loading: float
    claim: float
    training: float
    finishing: float = 10.0
    poll: float = 0.05

    @staticmethod
    def of(options: RunOptions) -> Limits:
        """Return the limits of a run: since the child enforces the time limits itself, it gets up to that time again, within bounds."""
        grace = min(max(options.time_limit, 10.0), 60.0)
        return Limits(loading=180.0 + grace, claim=options.time_limit + grace, training=options.training_time_limit + grace)


@dataclass
class RunState:
    """The events of a run so far, over all its children, and the activity of the current child.

    Attributes:
        bound: the bound implementation; None if it was never bound.
        promised: the ids of the claims that the run asks.
        verdicts: the verdicts by claim, in order of arrival.
        not_bound: why the target could not be bound, or None.
        suite_error: why the suite failed, or None.
        trained: the last event on trained runs for each claim.
        in_flight: the claims that the current child is asking.
        training: those of them that have reported the progress of a training.
        seen: the kinds of events that the current child has emitted.
        lost: the claim during which one of the current child's workers ended; empty if none did.
        stopped_by: who stopped the run before its end; empty if nobody did.
    """

    bound: Bound | None = None
    promised: tuple[str, ...] = ()
    verdicts: dict[str, ClaimVerdict] = field(default_factory=dict)
    not_bound: NotBound | None = None
    suite_error: SuiteError | None = None
    trained: dict[str, Trained] = field(default_factory=dict)
    in_flight: dict[str, Started] = field(default_factory=dict)
    training: set[str] = field(default_factory=set)
    seen: set[type] = field(default_factory=set)
    lost: str = ""
    stopped_by: str = ""

    def next_child(self) -> None:
        """Reset the state of the current child."""
        self.in_flight, self.training, self.seen, self.lost = {}, set(), set(), ""

    def note(self, event: Event) -> None:
        """Record one event; the first verdict on a claim is final."""
        self.seen.add(type(event))
        match event:
            case Bound():
                self.bound = self.bound or event
            case Promised():
                self.promised = self.promised or event.claims
            case Started():
                self.in_flight[event.claim] = event
            case Progress():
                self.training |= set(self.in_flight) if event.claim is None else {event.claim}
            case Trained():
                self.trained[event.claim] = event
            case ClaimVerdict():
                self.in_flight.pop(event.claim, None)
                self.training.discard(event.claim)
                self.verdicts.setdefault(event.claim, event)
            case Lost():
                self.lost = self.lost or event.claim
            case NotBound():
                self.not_bound = self.not_bound or event
            case SuiteError():
                self.suite_error = self.suite_error or event

    def allowance(self, limits: Limits) -> float:
        """Return how many seconds of silence are allowed at this point."""
        if Finished in self.seen:
            return limits.finishing
        if Bound not in self.seen:
            return limits.loading
        own = [started.limit_s for started in self.in_flight.values() if started.limit_s is not None]
        base = limits.training if not self.in_flight or self.training & set(self.in_flight) else limits.claim
        return max([base, *own])

    @property
    def undecided(self) -> list[str]:
        """The promised claims without a verdict."""
        return [claim for claim in self.promised if claim not in self.verdicts]

    @property
    def closed(self) -> bool:
        """Whether the run has failed in a way that another child cannot fix."""
        return self.not_bound is not None or self.suite_error is not None
