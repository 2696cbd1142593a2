"""A comparison as one self-contained HTML page, without scripts and without external fonts or styles."""

from __future__ import annotations

from html import escape

from vae_conformance.comparing.comparison import Comparison, Kind
from vae_conformance.comparing.vocabulary import CAUTION, HEADINGS, LEGEND, SIGNS, WORDS, arrow, conclusion, conditions
from vae_conformance.runner.record import heading
from vae_spec.outcomes import Outcome

_STYLE = """
:root { color-scheme: light dark; --ink: #1b1b1f; --paper: #fff; --line: #c9c9d1; --soft: #f1f1f5;
        --good: #146c2e; --bad: #b3261e; --open: #7a5d00; --quiet: #5f6368; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e6ea; --paper: #16161a; --line: #44444c; --soft: #232329;
          --good: #7ddb90; --bad: #ffb4ab; --open: #e8c56c; --quiet: #a5a5ad; }
}
body { margin: 2rem auto; max-width: 75rem; padding: 0 1rem; color: var(--ink); background: var(--paper);
       font: 1rem/1.45 system-ui, sans-serif; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { border-bottom: 1px solid var(--line); padding: .3rem .6rem; text-align: left; vertical-align: top; }
thead th { position: sticky; top: 0; background: var(--paper); }
tbody th[colspan] { background: var(--soft); }
td:first-child { white-space: nowrap; }
td.cell { padding-left: .6rem; }
:focus-visible { outline: 3px solid var(--good); outline-offset: 2px; }
.message { white-space: pre-wrap; overflow-wrap: anywhere; }
@media (max-width: 45rem) {
  .changes thead { position: absolute; left: -100rem; }
  .changes tr { display: flex; flex-wrap: wrap; border-bottom: 1px solid var(--line); padding: .3rem 0; }
  .changes td { border: 0; padding: 0 .6rem 0 0; }
  .changes .title, .changes .message { flex-basis: 100%; }
}
@media print { .scroll { overflow: visible; } tr { break-inside: avoid; } }
.good { color: var(--good); } .bad { color: var(--bad); font-weight: 600; } .open { color: var(--open); } .quiet { color: var(--quiet); }
"""
_CLASSES = {
    Outcome.HOLDS: "good",
    Outcome.VIOLATED: "bad",
    Outcome.ERROR: "bad",
    Outcome.UNEXPECTED_PASS: "bad",
    Outcome.INCONCLUSIVE: "open",
    Outcome.EXPECTED_FAILURE: "open",
    Outcome.NOT_APPLICABLE: "quiet",
    None: "quiet",
}
_KINDS = {Kind.REGRESSION: "bad", Kind.IMPROVEMENT: "good", Kind.OTHER: "quiet"}


def render_comparison_html(comparison: Comparison) -> str:
    """Render the comparison as a page that follows the system's light or dark mode; all text from the reports is escaped."""
    regressions = sum(change.kind is Kind.REGRESSION for changes in comparison.changes for change in changes)
    end = conclusion(regressions, len(comparison.changes))
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
            "<title>Conformance compared</title>",
            f"<style>{_STYLE}</style>",
            "</head>",
            "<body>",
            "<main>",
            "<h1>Conformance compared</h1>",
            f'<p class="{"bad" if regressions else "good"}">{escape(end[0].upper() + end[1:])}</p>',
            *_reports(comparison),
            *_changes(comparison),
            *_matrix(comparison),
            "</main>",
            "</body>",
            "</html>",
            "",
        ]
    )


def _reports(comparison: Comparison) -> list[str]:
    rows = [
        _row([label, report.file, report.target, report.verdict, conditions(report)])
        for label, report in zip(comparison.labels, comparison.reports, strict=True)
    ]
    lines = _table("Reports", ["Column", "Report", "Implementation", "Verdict", "Asked"], rows)
    if comparison.differences:
        lines += [f'<p class="open">{escape(CAUTION)}: {escape("; ".join(comparison.differences))}.</p>']
    return lines


def _changes(comparison: Comparison) -> list[str]:
    lines: list[str] = []
    for label, changes in zip(comparison.labels[1:], comparison.changes, strict=True):
        for kind in Kind:
            rows = []
            for change in (one for one in changes if one.kind is kind):
                start = _row([change.claim.id, change.claim.level.value]).removesuffix("</tr>")
                title = f'<td class="title">{escape(change.claim.title)}</td>'
                rows.append(f'{start}{title}<td>{escape(arrow(change))}</td><td class="message">{escape(change.message)}</td></tr>')
            if rows:
                words = f"{HEADINGS[kind]} of {label} against A"
                lines += [f'<h2 class="{_KINDS[kind]}">{words}</h2>']
                lines += _table(words, ["Claim", "Level", "Title", "Outcome", "What was said"], rows, "changes")
    return lines or ["<p>Nothing changed.</p>"]


def _matrix(comparison: Comparison) -> list[str]:
    rows: list[str] = []
    for area, claims in comparison.by_area.items():
        rows.append(f'<tr><th colspan="{3 + len(comparison.reports)}" scope="colgroup">{escape(heading(area))}</th></tr>')
        for claim in claims:
            cells = "".join(_cell(outcome) for outcome in comparison.outcomes(claim.id))
            rows.append(_row([claim.id, claim.level.value, claim.title]).removesuffix("</tr>") + cells + "</tr>")
    head = ["Claim", "Level", "Title", *comparison.labels]
    return ["<h2>All claims</h2>", *_table("All claims", head, rows), f'<p class="quiet">{escape(LEGEND)}</p>']


def _cell(outcome: Outcome | None) -> str:
    word = WORDS[outcome]
    sign = escape(SIGNS[outcome]).strip()
    return f'<td class="cell {_CLASSES[outcome]}" title="{word}"><span role="img" aria-label="{word}">{sign}</span></td>'


def _row(cells: list[str]) -> str:
    return "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"


def _table(name: str, head: list[str], rows: list[str], kind: str = "matrix") -> list[str]:
    """Return a table that scrolls if it is too wide, also by keyboard; screen readers announce it by its name."""
    top = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in head)
    start = [f'<div class="scroll" tabindex="0" role="group" aria-label="{escape(name)}">', f'<table class="{kind}">']
    return [*start, f"<thead><tr>{top}</tr></thead>", "<tbody>", *rows, "</tbody>", "</table>", "</div>"]
