"""Every form of the report, letter by letter: `pytest --snapshot-update` takes over what was changed on purpose."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from consoles import console
from html_samples import hostile
from report_samples import DRAW, LOSS, OPTIONS, REPORTS, mixed, placed, report_on, verdict
from snapshots import file
from syrupy.assertion import SnapshotAssertion

from vae_conformance.report import sarif
from vae_conformance.report.badge import render_badge, render_badge_json
from vae_conformance.report.html import page
from vae_conformance.report.json_report import render_json
from vae_conformance.report.junit import render_junit
from vae_conformance.report.markdown import render_markdown
from vae_conformance.report.terminal import render_failures, render_terminal
from vae_conformance.runner.record import RunRecord
from vae_spec.outcomes import Outcome

MIXED = mixed(missing=("SMP-01",))
PLACED = placed(
    verdict("REP-01", Outcome.VIOLATED, "too far", diagnosis="std-no-half", hint="halve it", parts=("sampling step", "loss")),
    verdict("KL-02", Outcome.VIOLATED, source="Deep Learning Notes 13.4, objective; VAE Basics 6.6.3, flow", parts=("loss",)),
    LOSS=LOSS,
    DRAW=DRAW,
)
HELD = verdict("KL-01", Outcome.HOLDS, statement="KL >= 0", advice="write it so")
PART = report_on(HELD, options=replace(OPTIONS, only=("KL", "REP-01")))
AREAS = ("OBJ", "KL", "REP", "NET", "TRN", "REC", "SMP", "LAT", "INT", "BETA", "COL", "TOY")
SOUND = report_on(*(verdict(f"{area}-{number:02}", Outcome.HOLDS) for area in AREAS for number in range(1, 6)))


@pytest.mark.parametrize(
    ("report", "width", "options"),
    [
        pytest.param(MIXED, 80, set(), id="violated"),
        pytest.param(MIXED, 40, set(), id="violated-narrow"),
        pytest.param(MIXED, 200, set(), id="violated-wide"),
        pytest.param(MIXED, 80, {"colour"}, id="violated-colour"),
        pytest.param(MIXED, 80, {"verbose"}, id="violated-verbose"),
        pytest.param(PLACED, 80, set(), id="placed"),
        pytest.param(REPORTS["good"], 80, {"verbose"}, id="good-verbose"),
        pytest.param(SOUND, 80, set(), id="sound"),
        pytest.param(REPORTS["error"], 80, set(), id="error"),
        pytest.param(REPORTS["unbound"], 80, set(), id="unbound"),
        pytest.param(REPORTS["broken"], 80, set(), id="broken"),
        pytest.param(REPORTS["postponed"], 80, set(), id="postponed"),
        pytest.param(REPORTS["stopped"], 80, set(), id="stopped"),
        pytest.param(hostile(), 80, {"verbose"}, id="hostile"),
    ],
)
def test_the_terminal(report: RunRecord, width: int, options: set[str], snapshot: SnapshotAssertion) -> None:
    shown = render_terminal(report, console(width, colour="colour" in options), verbose="verbose" in options)
    assert shown == snapshot(extension_class=file("txt"))


def test_the_failures_of_a_test(snapshot: SnapshotAssertion) -> None:
    assert render_failures(MIXED) == snapshot(extension_class=file("txt"))


FILES = {
    "mixed": MIXED,
    "placed": PLACED,
    "part": PART,
    **{name: REPORTS[name] for name in ("error", "unbound", "broken", "postponed", "stopped")},
}
FORMS: dict[str, Callable[[RunRecord], str]] = {
    "report.md": render_markdown,
    "junit.xml": render_junit,
    "report.sarif": sarif.render_sarif,
    "report.json": render_json,
    "badge.svg": render_badge,
    "badge.json": render_badge_json,
    "report.html": page.render_html,
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", FILES)
def test_the_file(name: str, form: str, snapshot: SnapshotAssertion, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (sarif, page):
        monkeypatch.setattr(module, "version", lambda _name: "1.2.3")
    text = FORMS[form](FILES[name])
    if form == "report.html":  # the page's own style and script are no part of what it says, nor are their hashes
        text = re.sub(r"<(style|script)>.*?</\1>", r"<\1></\1>", re.sub(r"sha256-[^']+", "sha256", text), flags=re.DOTALL)
    assert text == snapshot(extension_class=file(form.partition(".")[2]))
