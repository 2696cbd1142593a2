"""A comparison as one self-contained HTML page, without scripts and without external fonts or styles."""

from __future__ import annotations

from vae_conformance.comparing import vocabulary
from vae_conformance.comparing.comparison import Comparison
from vae_conformance.runner.record import heading

_CLASSES = {"green": "good", "red": "bad", "yellow": "open", "dim": "quiet", "bold": "quiet"}
"""The CSS class for each style of the terminal."""


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
        classes={outcome: _CLASSES[vocabulary.style(outcome)] for outcome in vocabulary.WORDS},
        kinds={kind: _CLASSES[style] for kind, style in vocabulary.KINDS.items()},
    )
    return page + "\n"
