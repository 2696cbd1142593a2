"""The record of a run, which every report is written from: how the claims stand, what they point to, the exit code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import msgspec

from vae_conformance.config.options import RunOptions
from vae_conformance.config.values import area_of
from vae_conformance.exit_codes import ExitCode, Standing, exit_code, gates
from vae_conformance.location import Location
from vae_conformance.runner.events import ClaimVerdict, FoundImplementation, Trained
from vae_conformance.runner.missing_parts import Unasked, unasked
from vae_conformance.runner.run_state import Proceedings
from vae_conformance.runner.source_locations import places
from vae_spec.areas import AREAS
from vae_spec.context import FALSE_ALARM_BUDGET
from vae_spec.diagnosis import Likely, cleared
from vae_spec.diagnosis import diagnose as likeliest
from vae_spec.mistakes import MISTAKES
from vae_spec.outcomes import Outcome

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class ClaimReport:
    """One claim as it stands at the end.

    Attributes:
        verdict: what the suite found; its outcome takes the expected failures into account.
        gates: whether it counts towards the exit code.
        reason: why it may fail, where the user listed it; otherwise empty.
        locations: where in the implementation's code to look, the likeliest place first; empty where it is in order.
        explained: the mistake that a claim nearer to the cause names, where this one names another; the nearer one is right.
    """

    verdict: ClaimVerdict
    gates: bool
    reason: str = ""
    locations: tuple[Location, ...] = ()
    explained: Diagnosis | None = None

    @property
    def cause(self) -> str:
        """What is most likely behind it, in words; empty where nothing is known."""
        if self.explained is not None:
            return f"{self.explained.mistake}, as {self.explained.evidence[0]} says: {self.explained.explanation}"
        mistake = self.verdict.diagnosis or ""
        known = MISTAKES.get(mistake)
        return mistake if known is None else f"{mistake}: {known.what}"

    @property
    def mend(self) -> str:
        """How to mend it; empty where nothing is known."""
        return self.verdict.hint if self.explained is None else self.explained.mend or self.verdict.hint

    @property
    def id(self) -> str:
        """The claim's id."""
        return self.verdict.claim

    @property
    def outcome(self) -> Outcome:
        """How it stands."""
        return self.verdict.outcome


@dataclass(frozen=True)
class Diagnosis:
    """A mistake that violated claims point to.

    Attributes:
        mistake: its id in `vae_spec.mistakes`.
        confidence: the share of the violated claims that name it.
        explanation: what the code does.
        seen: what its author notices.
        mend: how to mend it.
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
    """What kept the run from its verdicts: the target, an option, or the suite itself."""

    message: str
    hint: str = ""
    details: str = ""


@dataclass(frozen=True)
class RunRecord:
    """All that is known at the end of a run.

    Attributes:
        options: what was asked for.
        exit_code: by the table in `vae_conformance.exit_codes`.
        implementation: what was found of the implementation; None where it was never bound.
        environment: what it ran under: python, torch, device, threads, as far as known.
        claims: in the order of the areas, then of the ids.
        promised: the ids that the profile asks.
        missing: the promised ids that have no verdict.
        diagnoses: the likeliest mistake first.
        problem: what kept the run from its verdicts, or None.
        duration_s: seconds.
        summary: how many claims came out in each way.
        trained: the stored runs that claims were given.
        unasked: the claims that could not be asked because a part was not found.
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

    @property
    def by_area(self) -> Mapping[str, Sequence[ClaimReport]]:
        """The claims of every area that has any, in the order of reports."""
        areas: dict[str, list[ClaimReport]] = {}
        for claim in self.claims:
            areas.setdefault(area_of(claim.id), []).append(claim)
        return areas

    @property
    def error_budget(self) -> Mapping[str, float | int]:
        """The exact-tail tests' false alarms: the bound for the run, what of it was given out, to how many claims."""
        levels = [claim.verdict.level_of_error for claim in self.claims if claim.verdict.level_of_error]
        return {
            "exact_tail_false_alarm_probability": FALSE_ALARM_BUDGET,
            "exact_tail_level_given_out": sum(levels),
            "exact_tail_claims": len(levels),
        }


def heading(area: str) -> str:
    """The heading of an area in reports."""
    return AREAS.get(area, area)


def in_order(claim: str) -> tuple[int, str]:
    """The key that sorts ids by area, in the order of reports, and then by number."""
    area = area_of(claim)
    return (list(AREAS).index(area) if area in AREAS else len(AREAS), claim)


def assemble(proceedings: Proceedings, options: RunOptions, *, duration_s: float) -> RunRecord:
    """The report of a run that came to its end, for better or worse."""
    claims = _claim_reports(proceedings, options)
    standings = {claim.id: Standing(claim.verdict.level, claim.outcome) for claim in claims}
    open_ = unasked(claim.verdict for claim in claims)
    lacking = {claim.id for claim in claims if claim.gates and claim.id in open_.claims} if options.require_parts else set()
    code = exit_code(
        standings,
        proceedings.promised,
        options.gate,
        unbound=proceedings.not_bound is not None,
        suite_failed=proceedings.suite_error is not None,
        unasked=lacking,
    )
    bound = proceedings.bound
    return RunRecord(
        options=options,
        exit_code=code,
        implementation=None if bound is None else bound.implementation,
        environment={} if bound is None else bound.environment,
        claims=claims,
        promised=proceedings.promised,
        missing=tuple(sorted(set(proceedings.promised) - set(standings), key=in_order)),
        diagnoses=diagnose(claims),
        problem=_problem(proceedings),
        duration_s=duration_s,
        summary={outcome: sum(claim.outcome is outcome for claim in claims) for outcome in Outcome},
        trained=proceedings.trained,
        unasked=open_,
    )


def diagnose(claims: Sequence[ClaimReport]) -> tuple[Diagnosis, ...]:
    """The mistakes that explain the violated claims, the likeliest first (see `vae_spec.diagnosis`)."""
    return tuple(_diagnosis(likely.mistake, likely.evidence, likely.confidence) for likely in _likely(claims))


def _likely(claims: Sequence[ClaimReport]) -> tuple[Likely, ...]:
    votes = {claim.id: claim.verdict.diagnosis for claim in claims if claim.outcome is Outcome.VIOLATED}
    # An expected failure is a violation that is known, and no sign that what it looks for is not there.
    decided = {Outcome.HOLDS: True, Outcome.UNEXPECTED_PASS: True, Outcome.VIOLATED: False, Outcome.EXPECTED_FAILURE: False}
    exact = [(claim.verdict.rejects, decided[claim.outcome]) for claim in claims if claim.outcome in decided]
    return likeliest(votes, cleared(exact))


def _diagnosis(mistake: str, evidence: tuple[str, ...], confidence: float) -> Diagnosis:
    known = MISTAKES.get(mistake)
    if known is None:
        return Diagnosis(mistake, confidence, "", "", "", evidence)
    return Diagnosis(mistake, confidence, known.what, known.seen, known.mend, evidence)


def _claim_reports(proceedings: Proceedings, options: RunOptions) -> tuple[ClaimReport, ...]:
    """Every claim as it stands, in the order of reports, with the places that it sends to."""
    claims = sorted((_claim_report(verdict, options) for verdict in proceedings.verdicts), key=lambda claim: in_order(claim.id))
    likely = _likely(claims)
    implementation = None if proceedings.bound is None else proceedings.bound.implementation
    found = places((claim.verdict for claim in claims), likely, implementation)
    named = {claim.id: claim.verdict.diagnosis for claim in claims}
    nearer = {
        claim: _diagnosis(one.mistake, one.evidence, one.confidence)
        for one in likely
        for claim in one.evidence
        if named[claim] not in (None, one.mistake)
    }
    return tuple(replace(claim, locations=found.get(claim.id, ()), explained=nearer.get(claim.id)) for claim in claims)


def _claim_report(verdict: ClaimVerdict, options: RunOptions) -> ClaimReport:
    reason = options.expected_failures.get(verdict.claim, "")
    renamed = {Outcome.VIOLATED: Outcome.EXPECTED_FAILURE, Outcome.HOLDS: Outcome.UNEXPECTED_PASS}
    outcome = renamed.get(verdict.outcome, verdict.outcome) if reason else verdict.outcome
    return ClaimReport(msgspec.structs.replace(verdict, outcome=outcome), gates(verdict.level, options.gate), reason)


def _problem(proceedings: Proceedings) -> Problem | None:
    if proceedings.suite_error is not None:
        return Problem(
            proceedings.suite_error.message,
            "this is a fault of the suite, not of the implementation: please report it",
            proceedings.suite_error.details,
        )
    if proceedings.not_bound is not None:
        return Problem(proceedings.not_bound.message, proceedings.not_bound.hint)
    return None
