"""A comparison in its three forms, letter by letter: `pytest --snapshot-update` takes over what was changed on purpose."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from consoles import console
from msgspec.structs import replace as changed
from report_samples import MIXED, OPTIONS, REPORTS, mixed, report_on
from snapshots import file
from syrupy.assertion import SnapshotAssertion

from vae_conformance.comparing.comparison import compare
from vae_conformance.comparing.html import render_comparison_html
from vae_conformance.comparing.markdown import render_comparison_markdown
from vae_conformance.comparing.stored_report import StoredReport, read_report
from vae_conformance.comparing.terminal import render_comparison
from vae_conformance.report.json_report import render_json
from vae_conformance.runner.record import RunRecord
from vae_spec.outcomes import Outcome

NASTY = "<script>alert('1')</script> | `x` & *y*\nsecond line, [red]not red[/red]"
CHANGED = {"REP-01": Outcome.VIOLATED, "KL-02": Outcome.HOLDS, "LAT-03": Outcome.HOLDS, "TRN-02": Outcome.VIOLATED}
AFTER = report_on(
    *(changed(entry, outcome=CHANGED.get(entry.claim, entry.outcome), message=NASTY) for entry in MIXED[:-1]),
    options=replace(OPTIONS, profile="exact", only=("KL",)),
)


def stored(folder: Path, name: str, report: RunRecord) -> StoredReport:
    path = folder / name
    path.write_text(render_json(report), encoding="utf-8")
    return replace(read_report(path), file=name)


@pytest.fixture(params=["one", "same", "many"])
def comparison(request: pytest.FixtureRequest, tmp_path: Path):
    others = {"one": [AFTER], "same": [mixed()], "many": [AFTER, *REPORTS.values(), *[AFTER] * 3]}[request.param]
    return compare([stored(tmp_path, f"{number}.json", report) for number, report in enumerate([mixed(), *others])])


@pytest.mark.parametrize(("width", "colour"), [(80, False), (60, False), (80, True)], ids=["plain", "narrow", "colour"])
def test_the_terminal(width: int, colour: bool, comparison, snapshot: SnapshotAssertion) -> None:
    assert render_comparison(comparison, console(width, colour=colour)) == snapshot(extension_class=file("txt"))


def test_markdown(comparison, snapshot: SnapshotAssertion) -> None:
    assert render_comparison_markdown(comparison) == snapshot(extension_class=file("md"))


def test_the_page(comparison, snapshot: SnapshotAssertion) -> None:
    assert render_comparison_html(comparison) == snapshot(extension_class=file("html"))
