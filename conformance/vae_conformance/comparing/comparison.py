"""What is compared: implementations by claims, and what changed from the first report to each of the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from vae_conformance.comparing.stored_report import StoredClaim, StoredReport
from vae_conformance.config.values import area_of
from vae_conformance.exit_codes import ExitCode
from vae_conformance.runner.record import in_order
from vae_spec.outcomes import Outcome

_HELD = (Outcome.HOLDS, Outcome.UNEXPECTED_PASS)


class Kind(StrEnum):
    """What a change is: a regression fails the comparison, the others are told."""

    REGRESSION = "regression"
    IMPROVEMENT = "improvement"
    OTHER = "other change"


@dataclass(frozen=True)
class Change:
    """A claim that came out otherwise than in the baseline.

    Attributes:
        claim: from the later report, or from the baseline where it is missing there.
        before, after: the outcomes; None where the claim has no verdict.
        kind: see `kind_of`.
    """

    claim: StoredClaim
    before: Outcome | None
    after: Outcome | None
    kind: Kind


@dataclass(frozen=True)
class Comparison:
    """Reports side by side; the first is the baseline.

    Attributes:
        reports: in the order in which they were named.
        claims: every claim of any of them, in the order of reports.
        changes: for each report but the first its changes, regressions first, each kind in the order of the claims.
    """

    reports: tuple[StoredReport, ...]
    claims: tuple[StoredClaim, ...]
    changes: tuple[tuple[Change, ...], ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """A letter for each report: A is the baseline."""
        return tuple(_letters(index) for index in range(len(self.reports)))

    @property
    def by_area(self) -> Mapping[str, Sequence[StoredClaim]]:
        """The claims of each area."""
        areas: dict[str, list[StoredClaim]] = {}
        for claim in self.claims:
            areas.setdefault(area_of(claim.id), []).append(claim)
        return areas

    @property
    def exit_code(self) -> ExitCode:
        """1 where any report has a regression, otherwise 0."""
        worse = any(change.kind is Kind.REGRESSION for changes in self.changes for change in changes)
        return ExitCode.VIOLATES if worse else ExitCode.CONFORMS

    @property
    def differences(self) -> tuple[str, ...]:
        """What the runs were not alike in, a sentence each: then a change may be the question's and not the implementation's."""
        names = [name for name in self.reports[0].conditions if len({report.conditions[name] for report in self.reports}) > 1]
        return tuple(
            f"{name}: "
            + ", ".join(f"{label} {report.conditions[name] or 'all'}" for label, report in zip(self.labels, self.reports, strict=True))
            for name in names
        )

    def outcomes(self, claim: str) -> tuple[Outcome | None, ...]:
        """How one claim came out in each report; None where it has no verdict there."""
        return tuple(None if claim not in report.claims else report.claims[claim].outcome for report in self.reports)


def compare(reports: Sequence[StoredReport]) -> Comparison:
    """Lay reports side by side, the first as the baseline."""
    claims: dict[str, StoredClaim] = {}
    for report in reports:
        claims = {**report.claims, **claims}
    ordered = tuple(claims[claim] for claim in sorted(claims, key=in_order))
    baseline, *others = reports
    return Comparison(tuple(reports), ordered, tuple(_changes(baseline, other, ordered) for other in others))


def kind_of(baseline: StoredClaim | None, after: Outcome | None) -> Kind:
    """What a changed outcome is.

    A regression is a claim that gated and held in the baseline and does not hold now: violated, undecided, not applicable any more, an
    error, or without a verdict. None of these shows that it still holds, and each of them would otherwise be a way to silence it. A claim
    that is listed as an expected failure now is none: somebody gave a reason for it.
    """
    before = None if baseline is None else baseline.outcome
    if after in _HELD:
        return Kind.OTHER if before in _HELD else Kind.IMPROVEMENT
    if baseline is not None and baseline.gates and before in _HELD and after is not Outcome.EXPECTED_FAILURE:
        return Kind.REGRESSION
    return Kind.OTHER


def _changes(baseline: StoredReport, other: StoredReport, claims: Sequence[StoredClaim]) -> tuple[Change, ...]:
    found = []
    for claim in claims:
        old, new = baseline.claims.get(claim.id), other.claims.get(claim.id)
        before, after = (None if one is None else one.outcome for one in (old, new))
        if before is not after:
            found.append(Change(new or claim, before, after, kind_of(old, after)))
    return tuple(sorted(found, key=lambda change: list(Kind).index(change.kind)))


def _letters(index: int) -> str:
    """A to Z, then AA, AB, as columns of a sheet are called."""
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters
