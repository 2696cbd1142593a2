"""The badge: short words that do not say more than was asked, in well-formed SVG and in shields.io's document."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest
from report_samples import OPTIONS, POSTPONED, REPORTS, STOPPED, report_on, verdict

from vae_conformance.exit_codes import ExitCode
from vae_conformance.report.badge import _COLOURS, message, render_badge, render_badge_json
from vae_conformance.runner.record import RunRecord
from vae_spec.outcomes import Level, Outcome

SVG = "{http://www.w3.org/2000/svg}"
INCONCLUSIVE = report_on(verdict("TRN-01", Outcome.INCONCLUSIVE, level=Level.EXPECTED))
INCOMPLETE = report_on(verdict("KL-01", Outcome.HOLDS), missing=("KL-02",))


@pytest.mark.parametrize(
    ("report", "words", "colour"),
    [
        (REPORTS["good"], "conforms (quick)", "brightgreen"),
        (REPORTS["mixed"], "violates 4 claims (quick)", "red"),
        (REPORTS["unbound"], "cannot be judged (quick)", "lightgrey"),
        (REPORTS["error"], "no verdict", "lightgrey"),
        (POSTPONED, "violates 2 claims (quick, 3 claims of it)", "red"),
        (STOPPED, "no verdict", "lightgrey"),
        (INCONCLUSIVE, "inconclusive (quick)", "yellow"),
        (INCOMPLETE, "incomplete (quick)", "orange"),
        (
            report_on(verdict("KL-01", Outcome.HOLDS), options=replace(OPTIONS, only=("KL",))),
            "conforms (quick, 1 claim of it)",
            "brightgreen",
        ),
    ],
)
def test_the_words_are_the_verdict_s(report: RunRecord, words: str, colour: str) -> None:
    assert json.loads(render_badge_json(report)) == {
        "schemaVersion": 1,
        "label": "VAE conformance",
        "message": words,
        "color": colour,
    }
    root = ET.fromstring(render_badge(report))
    assert root.findtext(f"{SVG}title") == root.get("aria-label") == f"VAE conformance: {words}"
    assert root.get("role") == "img"
    assert [text.text for text in root.iter(f"{SVG}text")] == ["VAE conformance", words]


def test_the_text_fits_its_box() -> None:
    root = ET.fromstring(render_badge(REPORTS["mixed"]))
    boxes = list(root.iter(f"{SVG}rect"))[1:]
    for box, text in zip(boxes, root.iter(f"{SVG}text"), strict=True):
        left, width, length = float(box.get("x", 0)), float(box.get("width", 0)), float(text.get("textLength", 0))
        assert left + width / 2 == float(text.get("x", 0))
        assert length < width
        assert 5 < length / len(text.text or "") < 8
    assert sum(float(box.get("width", 0)) for box in boxes) == float(root.get("width", 0))


def test_what_is_asked_cannot_break_the_image() -> None:
    report = report_on(verdict("KL-01", Outcome.HOLDS), options=replace(OPTIONS, profile='<b>&"\x00\u202e'))
    root = ET.fromstring(render_badge(report))
    assert root.findtext(f"{SVG}title") == 'VAE conformance: conforms (<b>&")'
    assert message(report).startswith("conforms")


def luminance(colour: str) -> float:
    """Relative luminance of #rrggbb by the Web Content Accessibility Guidelines."""
    channels = (int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5))
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("code", [code for code in ExitCode if code is not ExitCode.INTERRUPTED])
def test_white_words_can_be_read_on_every_colour(code: ExitCode) -> None:
    assert 1.05 / (luminance(_COLOURS[code][1]) + 0.05) >= 4.5
