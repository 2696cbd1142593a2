"""A comparison as one self-contained HTML page, without scripts and without external fonts or styles."""

from __future__ import annotations

from vae_conformance.comparing import vocabulary
from vae_conformance.comparing.comparison import Comparison, Kind
from vae_conformance.runner.record import heading
from vae_spec.outcomes import Outcome

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
    from vae_conformance.report.html.page import asset, render_template  # noqa: PLC0415  imports Jinja, and help must appear at once

    end = vocabulary.conclusion(comparison)
    page = render_template(
        "comparison.html",
        comparison=comparison,
        style=asset("comparison.css").rstrip("\n"),
        conclusion=end[0].upper() + end[1:],
        caution=vocabulary.CAUTION,
        legend=vocabulary.LEGEND,
        headings=vocabulary.HEADINGS,
        words=vocabulary.WORDS,
        signs=vocabulary.SIGNS,
        arrow=vocabulary.arrow,
        conditions=vocabulary.conditions,
        heading=heading,
        classes=_CLASSES,
        kinds=_KINDS,
    )
    return page + "\n"
