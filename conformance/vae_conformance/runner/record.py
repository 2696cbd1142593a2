"""The record of a run, the source of all reports: outcomes, diagnoses, locations and the exit code."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import msgspec

from vae_conformance.config.options import RunOptions
from vae_conformance.config.values import area_of
from vae_conformance.exit_codes import ExitCode, Standing, exit_code, gates
from vae_conformance.location import Location
from vae_conformance.runner.events import ClaimVerdict, FoundImplementation, Trained
from vae_conformance.runner.run_state import RunState
from vae_conformance.runner.stages import stops_trainings
from vae_spec.areas import AREAS
from vae_spec.context import FALSE_ALARM_BUDGET
from vae_spec.diagnosis import Likely, cleared
from vae_spec.diagnosis import diagnose as likeliest
from vae_spec.mistakes import MISTAKES
from vae_spec.outcomes import Outcome
from vae_spec.parts import Part

REPLACEABLE = (Part.LOSS, Part.DRAW)
"""Parts that probably exist although they were not detected. An absence of other parts is not a gap."""


@dataclass(frozen=True)
class Unasked:
    """Claims that could not be evaluated because parts were not found."""

    parts: tuple[str, ...] = ()
    claims: tuple[str, ...] = ()


def unasked(verdicts: Iterable[ClaimVerdict]) -> Unasked:
    """Return the claims that a missing part prevented from being evaluated, and the parts."""
    waiting = {
        verdict.claim: str(verdict.measured["part"])
        for verdict in verdicts
        if verdict.outcome is Outcome.NOT_APPLICABLE and verdict.measured.get("part") in REPLACEABLE
    }
    return Unasked(tuple(part for part in map(str, REPLACEABLE) if part in waiting.values()), tuple(waiting))


SCHEMA_VERSION = 2


@dataclass(frozen=True)
class Postponed:
    """Claims on training that were not asked, and the violated claims to fix first."""

    claims: tuple[str, ...] = ()
    fix_first: tuple[str, ...] = ()


def _postponed(verdicts: Sequence[ClaimVerdict], options: RunOptions) -> Postponed:
    left_out = tuple(verdict.claim for verdict in verdicts if verdict.outcome is Outcome.NOT_ASKED)
    fix_first = (verdict.claim for verdict in verdicts if stops_trainings(verdict, options))
    return Postponed(left_out, tuple(fix_first) if left_out else ())


@dataclass(frozen=True)
class ClaimReport:
    """The final result of one claim.

    Attributes:
        verdict: the verdict, with an outcome that takes expected failures into account.
        gates: whether it counts towards the exit code.
        reason: the user's reason for an expected failure; otherwise empty.
        locations: the locations in the implementation's source to inspect, the likeliest first; empty if there is no fault.
        explained: the diagnosis of a claim nearer to the cause, if it differs from this claim's own, which it overrides.
    """

    verdict: ClaimVerdict
    gates: bool
    reason: str = ""
    locations: tuple[Location, ...] = ()
    explained: Diagnosis | None = None

    @property
    def cause(self) -> str:
        """The most likely cause, in words; empty if unknown."""
        if self.explained is not None:
            return f"{self.explained.mistake}, as {self.explained.evidence[0]} says: {self.explained.explanation}"
        mistake = self.verdict.diagnosis or ""
        known = MISTAKES.get(mistake)
        return mistake if known is None else f"{mistake}: {known.what}"

    @property
    def mend(self) -> str:
        """How to fix it; empty if unknown."""
        return self.verdict.hint if self.explained is None else self.explained.mend or self.verdict.hint

    @property
    def id(self) -> str:
        """The claim's id."""
        return self.verdict.claim

    @property
    def outcome(self) -> Outcome:
        """The outcome."""
        return self.verdict.outcome


@dataclass(frozen=True)
class Diagnosis:
    """A mistake that violated claims point to.

    Attributes:
        mistake: its id in `vae_spec.mistakes`.
        confidence: the share of the violated claims that name it.
        explanation: what the code does wrong.
        seen: the symptom that its author notices.
        mend: how to fix it.
        evidence: the ids of the claims that name it.
    """

    mistake: str
    confidence: float
    explanation: str
    seen: str
    mend: str
    evidence: tuple[str, ...]


@dataclass(frozen=True)
class Problem:
    """Why the run has no verdicts: a fault of the target, an option, or the suite itself."""

    message: str
    hint: str = ""
    details: str = ""


@dataclass(frozen=True)
class RunRecord:
    """The result of a run.

    Attributes:
        options: the options of the run.
        exit_code: the exit code, by the table in `vae_conformance.exit_codes`.
        implementation: the bound implementation; None if it was never bound.
        environment: python, torch, device and threads, as far as known.
        claims: the results by area, then by id.
        promised: the ids of the claims that the profile includes.
        missing: the promised ids that have no verdict.
        diagnoses: the diagnosed mistakes, the likeliest first.
        problem: why the run has no verdicts, or None.
        duration_s: the duration in seconds.
        summary: the number of claims by outcome.
        trained: the stored runs that claims were evaluated on.
        unasked: the claims that could not be evaluated because a part was not found.
        postponed: the claims on training that were not asked because required claims are violated.
        stopped_by: who stopped the run before its end; empty if nobody did.
        data: the name of the data that the implementation is trained on; empty if it was never bound.
    """

    options: RunOptions
    exit_code: ExitCode
    implementation: FoundImplementation | None
    environment: Mapping[str, str | int]
    claims: tuple[ClaimReport, ...]
    promised: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    diagnoses: tuple[Diagnosis, ...] = ()
    problem: Problem | None = None
    duration_s: float = 0.0
    summary: Mapping[Outcome, int] = field(default_factory=dict)
    trained: tuple[Trained, ...] = ()
    unasked: Unasked = field(default_factory=Unasked)
    postponed: Postponed = field(default_factory=Postponed)
    stopped_by: str = ""
    data: str = ""

    @property
    def data_name(self) -> str:
        """The name of the data that the implementation is trained on."""
        return self.data or self.options.data_name

    @property
    def by_area(self) -> Mapping[str, Sequence[ClaimReport]]:
        """The claims by area, in the order of reports."""
        areas: dict[str, list[ClaimReport]] = {}
        for claim in self.claims:
            areas.setdefault(area_of(claim.id), []).append(claim)
        return areas

    @property
    def error_budget(self) -> Mapping[str, float | int]:
        """The false-alarm budget of exact-tail tests: its bound for the run, the share allotted, and the number of claims."""
        levels = [claim.verdict.level_of_error for claim in self.claims if claim.verdict.level_of_error]
        return {
            "exact_tail_false_alarm_probability": FALSE_ALARM_BUDGET,
            "exact_tail_level_given_out": sum(levels),
            "exact_tail_claims": len(levels),
        }


def heading(area: str) -> str:
    """Return the heading of an area in reports."""
    return AREAS.get(area, area)


def in_order(claim: str) -> tuple[int, str]:
    """Return the key that sorts ids by area, in the order of reports, and then by number."""
    area = area_of(claim)
    return (list(AREAS).index(area) if area in AREAS else len(AREAS), claim)


def assemble(state: RunState, options: RunOptions, *, duration_s: float) -> RunRecord:
    """Create the record of a run that has ended, successfully or not."""
    claims = _claim_reports(state, options)
    standings = {claim.id: Standing(claim.verdict.level, claim.outcome) for claim in claims}
    open_ = unasked(claim.verdict for claim in claims)
    lacking = {claim.id for claim in claims if claim.gates and claim.id in open_.claims} if options.require_parts else set()
    code = exit_code(
        standings,
        state.promised,
        options.gate,
        unbound=state.not_bound is not None,
        suite_failed=state.suite_error is not None,
        unasked=lacking,
        interrupted=bool(state.stopped_by),
    )
    bound = state.bound
    return RunRecord(
        options=options,
        exit_code=code,
        implementation=None if bound is None else bound.implementation,
        environment={} if bound is None else bound.environment,
        claims=claims,
        promised=state.promised,
        missing=tuple(sorted(set(state.promised) - set(standings), key=in_order)),
        diagnoses=diagnose(claims),
        problem=_problem(state),
        duration_s=duration_s,
        summary={outcome: sum(claim.outcome is outcome for claim in claims) for outcome in Outcome},
        trained=tuple(state.trained.values()),
        unasked=open_,
        postponed=_postponed([claim.verdict for claim in claims], options),
        stopped_by=state.stopped_by,
        data="" if bound is None else bound.data,
    )


def diagnose(claims: Sequence[ClaimReport]) -> tuple[Diagnosis, ...]:
    """Return the mistakes that explain the violated claims, the likeliest first (see `vae_spec.diagnosis`)."""
    return tuple(map(_diagnosis, _likely(claims)))


def _likely(claims: Sequence[ClaimReport]) -> tuple[Likely, ...]:
    votes = {claim.id: claim.verdict.diagnosis for claim in claims if claim.outcome is Outcome.VIOLATED}
    # An expected failure is a known violation, so it does not clear the mistakes that the claim rejects.
    decided = {Outcome.HOLDS: True, Outcome.UNEXPECTED_PASS: True, Outcome.VIOLATED: False, Outcome.EXPECTED_FAILURE: False}
    exact = [(claim.verdict.rejects, decided[claim.outcome]) for claim in claims if claim.outcome in decided]
    return likeliest(votes, {claim.id: claim.verdict for claim in claims}, cleared(exact))


def _diagnosis(likely: Likely) -> Diagnosis:
    known = MISTAKES.get(likely.mistake)
    texts = ("", "", "") if known is None else (known.what, known.seen, known.fix)
    return Diagnosis(likely.mistake, likely.confidence, *texts, likely.evidence)


def _claim_reports(state: RunState, options: RunOptions) -> tuple[ClaimReport, ...]:
    """Return the results of all claims in the order of reports, with the locations to inspect."""
    claims = sorted((_claim_report(verdict, options) for verdict in state.verdicts.values()), key=lambda claim: in_order(claim.id))
    likely = _likely(claims)
    implementation = None if state.bound is None else state.bound.implementation
    found = places((claim.verdict for claim in claims), likely, implementation)
    named = {claim.id: claim.verdict.diagnosis for claim in claims}
    nearer = {claim: _diagnosis(one) for one in likely for claim in one.evidence if named[claim] not in (None, one.mistake)}
    return tuple(replace(claim, locations=found.get(claim.id, ()), explained=nearer.get(claim.id)) for claim in claims)


def _claim_report(verdict: ClaimVerdict, options: RunOptions) -> ClaimReport:
    reason = options.expected_failures.get(verdict.claim, "")
    renamed = {Outcome.VIOLATED: Outcome.EXPECTED_FAILURE, Outcome.HOLDS: Outcome.UNEXPECTED_PASS}
    outcome = renamed.get(verdict.outcome, verdict.outcome) if reason else verdict.outcome
    return ClaimReport(msgspec.structs.replace(verdict, outcome=outcome), gates(verdict.level, options.gate), reason)


def _problem(state: RunState) -> Problem | None:
    if state.suite_error is not None:
        return Problem(
            state.suite_error.message,
            "this is a fault of the suite, not of the implementation: please report it",
            state.suite_error.details,
        )
    if state.not_bound is not None:
        return Problem(state.not_bound.message, state.not_bound.hint)
    return None


PLACED = frozenset({Outcome.VIOLATED, Outcome.INCONCLUSIVE, Outcome.EXPECTED_FAILURE})
"""The outcomes whose reports name source locations."""


def places(
    verdicts: Iterable[ClaimVerdict], likely: Sequence[Likely], implementation: FoundImplementation | None
) -> Mapping[str, tuple[Location, ...]]:
    """Return the locations to inspect for each failing claim, the likeliest first, without duplicates.

    A claim whose violation is explained by a claim nearer to the cause gets the locations of that claim. If the parts have no location,
    because they are missing, it is that of the constructor, in whose class they are missing.
    """
    parts_found = {} if implementation is None else implementation.binding.parts
    known = {name: part.location for name, part in parts_found.items() if part.location is not None}
    verdicts = [verdict for verdict in verdicts if verdict.outcome in PLACED]
    parts = {verdict.claim: verdict.parts for verdict in verdicts}
    named = {verdict.claim: verdict.diagnosis for verdict in verdicts}
    explained = {claim: parts.get(one.evidence[0], ()) for one in likely for claim in one.evidence if named.get(claim) != one.mistake}
    found: dict[str, tuple[Location, ...]] = {}
    for claim, own in parts.items():
        there = [known[part] for part in explained.get(claim) or own if part in known]
        fallback = [known[Part.PARAMETERS]] if own and Part.PARAMETERS in known else []
        found[claim] = tuple(dict.fromkeys(there or fallback))
    return found
