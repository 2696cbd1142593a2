"""A comparison for the terminal: the reports, the changes, and the matrix of outcomes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from vae_conformance.comparing.comparison import Change, Comparison
from vae_conformance.comparing.vocabulary import CAUTION, HEADINGS, KINDS, LEGEND, SIGNS, arrow, conclusion, conditions
from vae_conformance.report.console import Paragraph, rendered, words
from vae_conformance.report.terminal import COLOURS
from vae_conformance.runner.record import heading
from vae_spec.outcomes import Outcome

_START = 23
"""Width in columns of a claim's id and level."""
_LEAST_TITLE = 20


def render_comparison(comparison: Comparison, console: Console) -> str:
    """Render the comparison as text that ends with a newline; a legend below the matrix explains its symbols."""
    end = words(conclusion(comparison), "red" if comparison.regressions else "green")
    changes = list(_changes(comparison)) or [Text("Nothing changed."), Text()]
    matrices = (part for columns in _columns(comparison, console.width) for part in (*_matrix(comparison, columns), Text()))
    return rendered(console, [*_reports(comparison), Text(), *changes, *matrices, Paragraph(LEGEND, hang=2), Text(), end])


def _reports(comparison: Comparison) -> Iterator[RenderableType]:
    width = _width(comparison)
    for label, report in comparison.labelled:
        account = f"{report.file}: {report.target} {report.verdict} ({conditions(report)})"
        yield Paragraph(account, words(f"{label:{width}}  ", "bold"), hang=2)
    if comparison.differences:
        yield from (Text(), Paragraph(f"{CAUTION}:", hang=2))
        yield from (Paragraph(text, "  ", hang=2) for text in comparison.differences)


def _changes(comparison: Comparison) -> Iterator[RenderableType]:
    show = _in_full if len(comparison.changes) == 1 else _in_short
    for label, kind, changes in comparison.by_kind:
        yield words(f"{HEADINGS[kind]} of {label} against A", f"bold {KINDS[kind]}")
        yield from show([change for change in changes if change.after is not Outcome.NOT_ASKED])
        yield from _in_short([change for change in changes if change.after is Outcome.NOT_ASKED])
        yield Text()


def _in_full(changes: Sequence[Change]) -> Iterator[Paragraph]:
    """Yield each change with its outcomes, its title and, if the claim does not hold, its message."""
    for change in changes:
        yield Paragraph(arrow(change), f"  {change.claim.id:8}{change.claim.level.value:15}")
        yield Paragraph(change.claim.title, " " * 10)
        if change.message:
            yield Paragraph(change.message, " " * 10, hang=2)


def _in_short(changes: Sequence[Change]) -> Iterator[Paragraph]:
    if changes:
        yield Paragraph(", ".join(f"{change.claim.id} ({arrow(change)})" for change in changes), "  ", hang=2)


def _columns(comparison: Comparison, width: int) -> list[range]:
    """Split the reports into groups of columns that fit next to the claims."""
    portion = max(1, (width - _START - _LEAST_TITLE) // (_width(comparison) + 1))
    n = len(comparison.reports)
    return [range(start, min(start + portion, n)) for start in range(0, n, portion)]


def _matrix(comparison: Comparison, columns: range) -> Iterator[RenderableType]:
    """Yield the claims of each area with their symbols for these reports, all areas with the same column widths."""

    def table() -> Table:
        empty = Table.grid(expand=True)
        empty.add_column(width=_START)
        empty.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
        for _ in columns:
            empty.add_column(width=_width(comparison) + 1, justify="right")
        return empty

    head = table()
    head.add_row("", "", *(words(comparison.labels[column], "bold") for column in columns))
    yield head
    for area, claims in comparison.by_area.items():
        yield words(heading(area), "bold")
        rows = table()
        for claim in claims:
            outcomes = comparison.outcomes(claim.id)[columns.start : columns.stop]
            signs = (words(SIGNS[one], "" if one is None else COLOURS[one]) for one in outcomes)
            rows.add_row(words(f"{claim.id:8}{claim.level.value}"), words(claim.title), *signs)
        yield rows


def _width(comparison: Comparison) -> int:
    """Return the width of the longest label in columns."""
    return max(map(len, comparison.labels))
