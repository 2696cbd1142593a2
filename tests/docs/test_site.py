"""The site: every page is in it, nothing of it is fetched from elsewhere, and its pictures of claims show the calibration."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import socket
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from doc_pages import DOCS, ROOT, read, script

from vae_spec.calibration import EVERYWHERE, families
from vae_spec.claim import Experiment
from vae_spec.outcomes import Level
from vae_spec.registry import CLAIMS

yaml = pytest.importorskip("yaml")
SVG = "{http://www.w3.org/2000/svg}"
CALIBRATED = (Experiment.IMAGES, Experiment.CONTRAST, Experiment.SWEEP, Experiment.WITHOUT_KL)
UNCALIBRATED = {"TRN-07": "it compares a training with itself"}
"""Claims about the subject's own trainings that have no picture, and why."""


@pytest.fixture(scope="module")
def pictures() -> ModuleType:
    return script("claim_pictures")


@pytest.fixture
def site() -> ModuleType:
    return script("offline_site")


def settings() -> dict[str, Any]:
    """mkdocs.yml, whose tags for Python objects are left out."""

    class Plain(yaml.SafeLoader):  # type: ignore[misc, name-defined]
        pass

    Plain.add_multi_constructor("tag:yaml.org,2002:python/", lambda _loader, _suffix, _node: None)
    return yaml.load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"), Plain)  # type: ignore[no-any-return]


def leaves(node: Any) -> list[str]:
    """The files of a part of the navigation."""
    if isinstance(node, str):
        return [node]
    return [file for inner in (node.values() if isinstance(node, dict) else node) for file in leaves(inner)]


# the pages ----------------------------------------------------------------------------------------


def test_every_page_is_in_the_navigation_once() -> None:
    assert sorted(leaves(settings()["nav"])) == sorted(page.name for page in DOCS.glob("*.md"))


def test_the_site_is_strict_and_brings_its_own_fonts_and_scripts() -> None:
    found = settings()
    assert found["strict"] is True
    assert found["theme"]["font"] is False
    assert {"search", "offline"} <= set(found["plugins"])
    assert set(leaves(found["validation"])) == {"warn"}
    for file in [*found["extra"]["polyfills"], *found["extra_css"]]:
        assert (DOCS / file).is_file()
    assert all((ROOT / file).is_file() for file in found["hooks"])


@pytest.mark.skipif(importlib.util.find_spec("mkdocs") is None, reason="mkdocs is not installed; tox builds the site in its docs")
def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "site" / "index.html").is_file()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.html", '<script src="https://elsewhere.example/a.js"></script>'),
        ("a.html", '<link rel="stylesheet" href="//elsewhere.example/a.css">'),
        ("a.html", '<img srcset="a.png 1x, http://elsewhere.example/b.png 2x">'),
        ("a.html", '<p style="background: url(https://elsewhere.example/b.png)">'),
        ("a.html", "<style>@import 'https://elsewhere.example/a.css';</style>"),
        ("deep/a.css", "@font-face { src: url('https://elsewhere.example/a.woff2') }"),
    ],
)
def test_what_a_browser_would_fetch_is_found(site: ModuleType, name: str, content: str, tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / name).write_text(content, encoding="utf-8")
    ((file, address),) = site.outside(tmp_path)
    assert file == name
    assert "elsewhere.example" in address


def test_a_link_that_a_reader_follows_is_no_fetch(site: ModuleType, tmp_path: Path) -> None:
    content = '<a href="https://example.org">there</a><img src="images/a.png"><script src="a.js"></script>'
    (tmp_path / "a.html").write_text(content, encoding="utf-8")
    assert list(site.outside(tmp_path)) == []


def test_a_page_that_would_fetch_is_a_warning(site: ModuleType, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "a.html").write_text('<img src="https://elsewhere.example/a.png">', encoding="utf-8")
    site.on_post_build({"site_dir": str(tmp_path)})
    assert [record.levelname for record in caplog.records] == ["WARNING"]


@pytest.mark.parametrize("command", ["build", "serve"])
def test_a_build_may_not_connect(site: ModuleType, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, lambda _self, _address: 0)
    site.on_startup(command=command, dirty=False)
    with socket.socket() as one:
        if command == "serve":
            assert one.connect_ex(("192.0.2.1", 80)) == 0
        else:
            with pytest.raises(site.NetworkError, match="without the network"):
                one.connect(("192.0.2.1", 80))


CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
SEARCHING = """<!DOCTYPE html><title>silent</title><body><script src="iframe-worker.js"></script><script>
const worker = new Worker("worker.js");
worker.addEventListener("message", (event) => { document.title = event.data; });
worker.postMessage("collapse");
</script></body>"""


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")
def test_a_page_from_disk_hears_its_worker(tmp_path: Path) -> None:
    """The search of a site that was opened from disk: a frame does a worker's work."""
    shutil.copy(DOCS / "javascripts" / "iframe-worker.js", tmp_path)
    (tmp_path / "worker.js").write_text('addEventListener("message", (event) => postMessage(`found ${event.data}`));', encoding="utf-8")
    (tmp_path / "page.html").write_text(SEARCHING, encoding="utf-8")
    options = ("--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=2000", f"--user-data-dir={tmp_path / 'profile'}")
    address = (tmp_path / "page.html").as_uri()
    ran = subprocess.run([CHROMIUM or "", *options, "--dump-dom", address], capture_output=True, text=True, timeout=120, check=True)
    assert "<title>found collapse</title>" in ran.stdout


# the pictures of claims ---------------------------------------------------------------------------


def test_each_calibrated_claim_has_its_picture_up_to_date(pictures: ModuleType) -> None:
    stored = {path.name: path.read_text(encoding="utf-8") for path in pictures.FOLDER.glob("*")}
    assert stored == pictures.pictures(), "draw them anew: python docs/claim_pictures.py"


def test_a_claim_without_a_picture_says_why() -> None:
    about_trainings = [claim for claim in CLAIMS.values() if claim.experiment in CALIBRATED and not claim.reference_only]
    judging = {claim.id for claim in about_trainings if claim.level is not Level.INFORMATIONAL}
    assert {f"{claim}.svg" for claim in judging - UNCALIBRATED.keys()} == {path.name for path in (DOCS / "images" / "claims").glob("*")}


def test_a_picture_shows_every_calibrated_implementation_and_the_claims_border() -> None:
    root = ET.parse(DOCS / "images" / "claims" / "SMP-03.svg").getroot()
    (marks,) = root.findall(f"{SVG}path")
    assert marks.attrib["d"].count("M") == len(families("distance of samples to training over held-out items", EVERYWHERE))
    assert "> 0.75" in [text.text for text in root.findall(f"{SVG}text")]


def test_marks_stand_where_their_numbers_are(pictures: ModuleType) -> None:
    """The least mean, the largest and the border of one statistic keep their distances on the line."""
    (one,) = pictures.healthy_ranges(CLAIMS["SMP-03"])
    means = sorted(spread.mean for spread in one.sound.values())
    root = ET.parse(DOCS / "images" / "claims" / "SMP-03.svg").getroot()
    drawn = sorted(float(x) for x in re.findall(r"M([\d.]+)", root.findall(f"{SVG}path")[0].attrib["d"]))
    border = next(float(line.attrib["x1"]) for line in root.findall(f"{SVG}line") if line.attrib["x1"] == line.attrib["x2"])
    share = (means[0] - 0.75) / (means[-1] - 0.75)
    assert (drawn[0] - border) / (drawn[-1] - border) == pytest.approx(share, abs=0.005)


def test_the_page_of_claims_shows_formulas_and_pictures() -> None:
    page = read("claims")
    for claim in CLAIMS.values():
        section = page.partition(f"### {claim.id}: ")[2].partition("\n### ")[0]
        assert not claim.formula or f"- **Formula**: `{claim.formula}`" in section
        assert (f"(images/claims/{claim.id}.svg)" in section) == (DOCS / "images" / "claims" / f"{claim.id}.svg").is_file()
