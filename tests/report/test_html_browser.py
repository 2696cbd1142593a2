"""The HTML report in a browser, where there is one: its script runs under its own policy, and nothing else does."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from html_samples import SHOWING, hostile
from pages import Page
from report_samples import mixed

from vae_conformance.report.html.figure_data import FigureData
from vae_conformance.report.html.page import render_html
from vae_conformance.runner.record import RunRecord

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def shown(report: RunRecord, folder: Path) -> tuple[Page, str]:
    """The page as it stands once its script has run, and what the browser has to say."""
    assert CHROMIUM is not None
    path = folder / "report.html"
    path.write_text(render_html(report, SHOWING if report.implementation else FigureData()), encoding="utf-8")
    options = ("--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", f"--user-data-dir={folder / 'profile'}")
    ran = subprocess.run([CHROMIUM, *options, "--dump-dom", path.as_uri()], capture_output=True, text=True, timeout=120, check=True)
    return Page(ran.stdout), "\n".join(line for line in ran.stderr.splitlines() if "CONSOLE" in line)


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")
@pytest.mark.parametrize("report", [mixed(), hostile()], ids=["usual", "hostile"])
def test_the_script_of_the_page_runs_and_no_other_does(report: RunRecord, tmp_path: Path) -> None:
    page, console = shown(report, tmp_path)
    assert console == ""
    (form,) = page.of("form")
    assert "hidden" not in form.attributes
    assert page.text_of("output") == f"{len(report.claims)} of {len(report.claims)} claims"
    assert len(page.of("script")) == 1
