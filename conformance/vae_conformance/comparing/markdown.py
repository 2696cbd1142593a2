"""A comparison as Markdown, for a comment on a pull request or the summary of a CI job."""

from __future__ import annotations

from vae_conformance.comparing.comparison import Comparison
from vae_conformance.comparing.vocabulary import CAUTION, HEADINGS, LEGEND, SIGNS, WORDS, arrow, conclusion, conditions
from vae_conformance.report.markdown_text import escaped, escaped_lines, table
from vae_conformance.runner.record import heading


def render_comparison_markdown(comparison: Comparison) -> str:
    """Render the comparison as Markdown text that ends with a newline; all text from the reports is escaped."""
    lines = [f"## Conformance: {conclusion(comparison)}", "", *_reports(comparison)]
    for label, kind, changes in comparison.by_kind:
        rows = [[one.claim.id, one.claim.level.value, arrow(one), escaped_lines(one.message)] for one in changes]
        found = table(["Claim", "Level", "Outcome", "What was said"], rows)
        lines += [f"### {HEADINGS[kind]} of {label} against A", "", *found, ""]
    lines += ["<details><summary>All claims</summary>", "", *_matrix(comparison), "", escaped(LEGEND), "", "</details>"]
    return "\n".join(lines) + "\n"


def _reports(comparison: Comparison) -> list[str]:
    rows = [
        [label, *map(escaped, (report.file, report.target, report.verdict, conditions(report)))] for label, report in comparison.labelled
    ]
    lines = [*table(["", "Report", "Implementation", "Verdict", "Asked"], rows), ""]
    if comparison.differences:
        lines += [f"{CAUTION}: {escaped('; '.join(comparison.differences))}.", ""]
    return lines


def _matrix(comparison: Comparison) -> list[str]:
    """Return one table with a heading row per area; outcomes are words for two reports, and symbols for more."""
    cells = WORDS if len(comparison.reports) == 2 else SIGNS
    rows: list[list[str]] = []
    for area, claims in comparison.by_area.items():
        rows.append([f"**{heading(area)}**", "", "", *("" for _ in comparison.reports)])
        rows += [
            [claim.id, claim.level.value, escaped(claim.title), *(cells[outcome] for outcome in comparison.outcomes(claim.id))]
            for claim in claims
        ]
    return table(["Claim", "Level", "Title", *comparison.labels], rows)
