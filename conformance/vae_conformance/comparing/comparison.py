"""The comparison of reports: outcomes by claim, and the changes from the baseline to each other report."""

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
    """The kind of a change: a regression fails the comparison, all others are only reported."""

    REGRESSION = "regression"
    IMPROVEMENT = "improvement"
    OTHER = "other change"


@dataclass(frozen=True)
class Change:
    """A claim whose outcome differs from that in the baseline.

    Attributes:
        claim: the claim in the later report, or in the baseline if the later one lacks it.
        before, after: the outcomes; None if the claim has no verdict.
        kind: see `kind_of`.
    """

    claim: StoredClaim
    before: Outcome | None
    after: Outcome | None
    kind: Kind

    @property
    def message(self) -> str:
        """The later report's message on the claim; empty if the claim holds there or has no verdict."""
        return "" if self.after in (*_HELD, None) else self.claim.message


@dataclass(frozen=True)
class Comparison:
    """Reports side by side; the first is the baseline.

    The claims are those of any report, in the order that reports use; the changes are those of each report but the first, regressions
    first, each kind in the order of the claims.
    """

    reports: tuple[StoredReport, ...]
    claims: tuple[StoredClaim, ...]
    changes: tuple[tuple[Change, ...], ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """Return a letter for each report; A is the baseline."""
        return tuple(_letters(index) for index in range(len(self.reports)))

    @property
    def by_area(self) -> Mapping[str, Sequence[StoredClaim]]:
        """Return the claims by area."""
        areas: dict[str, list[StoredClaim]] = {}
        for claim in self.claims:
            areas.setdefault(area_of(claim.id), []).append(claim)
        return areas

    @property
    def labelled(self) -> tuple[tuple[str, StoredReport], ...]:
        """Return the reports with their labels."""
        return tuple(zip(self.labels, self.reports, strict=True))

    @property
    def by_kind(self) -> list[tuple[str, Kind, list[Change]]]:
        """Return the changes of each report by kind: its label, the kind, and the changes; without kinds that do not occur."""
        groups = (
            (label, kind, of_kind)
            for label, all_of_it in zip(self.labels[1:], self.changes, strict=True)
            for kind in Kind
            if (of_kind := [change for change in all_of_it if change.kind is kind])
        )
        return list(groups)

    @property
    def regressions(self) -> int:
        """Return the number of regressions of all reports."""
        return sum(len(changes) for _label, kind, changes in self.by_kind if kind is Kind.REGRESSION)

    @property
    def exit_code(self) -> ExitCode:
        """Return 1 if any report has a regression, otherwise 0."""
        return ExitCode.VIOLATES if self.regressions else ExitCode.CONFORMS

    @property
    def differences(self) -> tuple[str, ...]:
        """Return a sentence for each condition in which the runs differ, since such a difference may explain a change of outcome."""
        names = [name for name in self.reports[0].conditions if len({report.conditions[name] for report in self.reports}) > 1]
        return tuple(
            f"{name}: " + ", ".join(f"{label} {report.conditions[name] or 'all'}" for label, report in self.labelled) for name in names
        )

    def outcomes(self, claim: str) -> tuple[Outcome | None, ...]:
        """Return the outcome of one claim in each report, or None where it has no verdict."""
        return tuple(None if claim not in report.claims else report.claims[claim].outcome for report in self.reports)


def compare(reports: Sequence[StoredReport]) -> Comparison:
    """Compare reports with the first one as the baseline."""
    claims: dict[str, StoredClaim] = {}
    for report in reports:
        claims = {**report.claims, **claims}
    ordered = tuple(claims[claim] for claim in sorted(claims, key=in_order))
    baseline, *others = reports
    return Comparison(tuple(reports), ordered, tuple(_changes(baseline, other, ordered) for other in others))


def kind_of(baseline: StoredClaim | None, after: Outcome | None) -> Kind:
    """Classify a changed outcome.

    A regression is a claim that gated and held in the baseline and does not hold any more: it is violated, inconclusive, not applicable, an
    error, not asked, or without a verdict. None of these shows that it still holds, and each would otherwise be a way to silence it. A
    claim that is now an expected failure is no regression, since a reason was given for it.
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
    """Return the label of a report: A to Z, then AA, AB and so on, like the columns of a spreadsheet."""
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters
