"""A badge with the verdict in a few words, as an SVG image and as the JSON document of a shields.io endpoint badge."""

from __future__ import annotations

from html import escape
from unicodedata import category

from vae_conformance.exit_codes import ExitCode
from vae_conformance.report.json_report import dump
from vae_conformance.report.wording import count
from vae_conformance.runner.record import RunRecord
from vae_spec.outcomes import Outcome

LABEL = "VAE conformance"
_COLOURS = {
    ExitCode.CONFORMS: ("brightgreen", "#3a7d0a"),
    ExitCode.VIOLATES: ("red", "#b3261e"),
    ExitCode.INCONCLUSIVE: ("yellow", "#7a5d00"),
    ExitCode.INCOMPLETE: ("orange", "#9a4a00"),
    ExitCode.UNBOUND: ("lightgrey", "#5f6368"),
    ExitCode.ERROR: ("lightgrey", "#5f6368"),
}
"""For each exit code, the colour's name at shields.io and our own value, on which white text has a contrast of at least 4.5."""
_NARROW = frozenset("fijlrtI.,:;!|()[]' ")
_WIDE = frozenset("mwMW@%")


def message(report: RunRecord) -> str:
    """Return the verdict and the profile; a badge about part of a profile says so."""
    options = report.options
    match report.exit_code:
        case ExitCode.CONFORMS:
            words = "conforms"
        case ExitCode.VIOLATES:
            failing = sum(claim.gates and claim.outcome in (Outcome.VIOLATED, Outcome.UNEXPECTED_PASS) for claim in report.claims)
            words = f"violates {count(failing, 'claim')}" if failing else "violates"
        case ExitCode.UNBOUND:
            words = "cannot be judged"
        case ExitCode.ERROR | ExitCode.INTERRUPTED:
            return "no verdict"
        case _:
            words = report.exit_code.verdict
    left_out = len(report.postponed.claims)
    asked = f"{options.profile}, {count(len(report.promised) - left_out, 'claim')} of it" if options.only or left_out else options.profile
    return f"{words} ({asked})"


def render_badge_json(report: RunRecord) -> str:
    """Render the document of a shields.io endpoint badge: https://shields.io/badges/endpoint-badge."""
    return dump({"schemaVersion": 1, "label": LABEL, "message": message(report), "color": _colours(report)[0]})


def render_badge(report: RunRecord) -> str:
    """Render the badge as self-contained SVG, without external fonts, scripts or styles; screen readers read its title."""
    label, words = _clean(LABEL), _clean(message(report))
    left, right = _width(label), _width(words)
    whole = left + right
    title = escape(f"{label}: {words}")

    def text(content: str, start: int, width: int) -> str:
        return f'<text x="{start + width / 2:g}" y="14" textLength="{width - 12}">{escape(content)}</text>'

    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{whole}" height="20" role="img" aria-label="{title}">',
            f"  <title>{title}</title>",
            f'  <clipPath id="round"><rect width="{whole}" height="20" rx="3"/></clipPath>',
            '  <g clip-path="url(#round)">',
            f'    <rect width="{left}" height="20" fill="#444"/>',
            f'    <rect x="{left}" width="{right}" height="20" fill="{_colours(report)[1]}"/>',
            "  </g>",
            '  <g fill="#fff" text-anchor="middle" font-family="Verdana,Geneva,DejaVu Sans,sans-serif" font-size="11" aria-hidden="true">',
            f"    {text(label, 0, left)}",
            f"    {text(words, left, right)}",
            "  </g>",
            "</svg>",
            "",
        ]
    )


def _colours(report: RunRecord) -> tuple[str, str]:
    return _COLOURS.get(report.exit_code, _COLOURS[ExitCode.ERROR])


def _width(text: str) -> int:
    """Estimate the width in pixels of 11-pixel sans-serif text with a padding of 6 on each side; `textLength` makes it exact."""
    return 12 + round(sum(4.2 if sign in _NARROW else 10.0 if sign in _WIDE else 7.0 for sign in text))


def _clean(text: str) -> str:
    return "".join(sign for sign in text if category(sign)[0] != "C")
