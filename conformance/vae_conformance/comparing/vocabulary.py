"""The words and symbols that all forms of a comparison share."""

from __future__ import annotations

from collections.abc import Mapping

from vae_conformance.comparing.comparison import Change, Comparison, Kind
from vae_conformance.comparing.stored_report import StoredReport
from vae_conformance.report.terminal import COLOURS
from vae_conformance.report.wording import count
from vae_spec.outcomes import Outcome

WORDS: Mapping[Outcome | None, str] = {**{outcome: outcome.words for outcome in Outcome}, None: "no verdict"}
SIGNS: Mapping[Outcome | None, str] = {
    Outcome.HOLDS: "✓",
    Outcome.VIOLATED: "✗",
    Outcome.INCONCLUSIVE: "?",
    Outcome.NOT_APPLICABLE: "–",
    Outcome.ERROR: "!",
    Outcome.EXPECTED_FAILURE: "x",
    Outcome.UNEXPECTED_PASS: "P",
    Outcome.NOT_ASKED: "/",
    None: " ",
}
LEGEND = ", ".join(f"{sign} {WORDS[outcome]}" for outcome, sign in SIGNS.items() if outcome is not None) + ", blank: no verdict"
HEADINGS = {Kind.REGRESSION: "Regressions", Kind.IMPROVEMENT: "Improvements", Kind.OTHER: "Other changes"}
KINDS = {Kind.REGRESSION: "red", Kind.IMPROVEMENT: "green", Kind.OTHER: "bold"}
"""The style of each kind of change on a terminal."""
CAUTION = "These runs were not asked alike, so a change may come from that"


def style(outcome: Outcome | None) -> str:
    """Return the style of an outcome on a terminal, or of no verdict."""
    return "dim" if outcome is None else COLOURS[outcome]


def arrow(change: Change) -> str:
    """Return the change of outcome in words: "holds -> violated"."""
    return f"{WORDS[change.before]} -> {WORDS[change.after]}"


def conditions(report: StoredReport) -> str:
    """Return the conditions of a run in words."""
    asked = report.conditions
    only = f"only {asked['only']}" if asked.get("only") else ""
    seed = f"seed {asked['seed']}" if asked.get("seed") else ""
    return ", ".join(filter(None, (asked.get("profile", ""), asked.get("dataset", ""), seed, only)))


def conclusion(comparison: Comparison) -> str:
    """Return the last sentence of a comparison."""
    against = "the first report" if len(comparison.changes) > 1 else "the baseline"
    if not comparison.regressions:
        return f"no regression against {against}: exit code 0"
    return f"{count(comparison.regressions, 'regression')} against {against}: exit code 1"
