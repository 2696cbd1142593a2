"""A comparison for the terminal: the reports, what changed, and the matrix."""

from __future__ import annotations

from collections.abc import Sequence

from vae_conformance.comparing.comparison import Change, Comparison, Kind
from vae_conformance.comparing.vocabulary import CAUTION, HEADINGS, LEGEND, SIGNS, arrow, conclusion, conditions
from vae_conformance.report.layout import Layout
from vae_conformance.runner.record import heading
from vae_spec.outcomes import Outcome

_COLOURS = {
    Outcome.HOLDS: "green",
    Outcome.VIOLATED: "red",
    Outcome.ERROR: "red",
    Outcome.UNEXPECTED_PASS: "red",
    Outcome.INCONCLUSIVE: "yellow",
    Outcome.EXPECTED_FAILURE: "yellow",
    Outcome.NOT_APPLICABLE: "dim",
}
_KINDS = {Kind.REGRESSION: "red", Kind.IMPROVEMENT: "green", Kind.OTHER: "bold"}
_START = 23
"""Columns of a claim's id and level."""
_LEAST_TITLE = 20


def render_comparison(comparison: Comparison, layout: Layout) -> str:
    """The comparison as text that ends with a newline; the signs are explained below the matrix."""
    lines = [*_reports(comparison, layout), "", *_changes(comparison, layout)]
    for columns in _columns(comparison, layout):
        lines += [*_matrix(comparison, columns, layout), ""]
    regressions = sum(change.kind is Kind.REGRESSION for changes in comparison.changes for change in changes)
    end = conclusion(regressions, len(comparison.changes))
    lines += [*layout.wrap(LEGEND), "", layout.paint(end, "red" if regressions else "green")]
    return "\n".join(lines) + "\n"


def _reports(comparison: Comparison, layout: Layout) -> list[str]:
    width = max(len(label) for label in comparison.labels)
    lines: list[str] = []
    for label, report in zip(comparison.labels, comparison.reports, strict=True):
        account = f"{report.file}: {report.target} {report.verdict} ({conditions(report)})"
        first, *rest = Layout(max(layout.width - width - 2, _LEAST_TITLE)).wrap(account)
        lines += [f"{layout.paint(f'{label:{width}}', 'bold')}  {first}", *(" " * (width + 2) + line for line in rest)]
    if comparison.differences:
        lines += ["", *layout.wrap(f"{CAUTION}:"), *(line for text in comparison.differences for line in layout.wrap(text, "  "))]
    return lines


def _changes(comparison: Comparison, layout: Layout) -> list[str]:
    lines: list[str] = []
    for label, changes in zip(comparison.labels[1:], comparison.changes, strict=True):
        for kind in Kind:
            of_kind = [change for change in changes if change.kind is kind]
            if of_kind:
                lines += [layout.paint(f"{HEADINGS[kind]} of {label} against A", _KINDS[kind], "bold")]
                lines += _in_full(of_kind, layout) if len(comparison.changes) == 1 else _in_short(of_kind, layout)
                lines += [""]
    return lines or ["Nothing changed.", ""]


def _in_full(changes: Sequence[Change], layout: Layout) -> list[str]:
    """Each change with its outcomes, its title and, where it no longer holds, what was said of it."""
    lines: list[str] = []
    for change in changes:
        lines += layout.wrap(f"{change.claim.id:8}{change.claim.level.value:15}{arrow(change)}", "  ")
        lines += layout.wrap(change.claim.title, "          ", "")
        if change.after not in (Outcome.HOLDS, Outcome.UNEXPECTED_PASS, None):
            lines += layout.wrap(change.claim.message, "          ")
    return lines


def _in_short(changes: Sequence[Change], layout: Layout) -> list[str]:
    return layout.wrap(", ".join(f"{change.claim.id} ({arrow(change)})" for change in changes), "  ")


def _columns(comparison: Comparison, layout: Layout) -> list[range]:
    """The reports in portions that fit beside the claims."""
    width = max(len(label) for label in comparison.labels) + 1
    portion = max(1, (layout.width - _START - _LEAST_TITLE) // width)
    n = len(comparison.reports)
    return [range(start, min(start + portion, n)) for start in range(0, n, portion)]


def _matrix(comparison: Comparison, columns: range, layout: Layout) -> list[str]:
    width = max(len(label) for label in comparison.labels)
    room = layout.width - _START - (width + 1) * len(columns)
    head = "".join(f" {comparison.labels[column]:>{width}}" for column in columns)
    lines = [" " * (_START + room) + layout.paint(head, "bold")]
    for area, claims in comparison.by_area.items():
        lines += [layout.paint(heading(area), "bold")]
        for claim in claims:
            title = claim.title if len(claim.title) < room else claim.title[: room - 2] + "…"
            outcomes = comparison.outcomes(claim.id)
            cells = "".join(f" {_sign(outcomes[column], width, layout)}" for column in columns)
            lines.append(f"{claim.id:8}{claim.level.value:15}{title:{room}}{cells}".rstrip())
    return lines


def _sign(outcome: Outcome | None, width: int, layout: Layout) -> str:
    text = f"{SIGNS[outcome]:>{width}}"
    return text if outcome is None else layout.paint(text, _COLOURS[outcome])
