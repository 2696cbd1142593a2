"""The examples of the pages run: every block of Python, and the files that pages are written around."""

from __future__ import annotations

import csv
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from catalogue_index import CATALOGUE
from doc_pages import DOCS, PAGES, blocks, read
from vae_conformance.binding.bind import bind
from vae_conformance.options import RunOptions
from vae_conformance.targets import load_target
from vae_spec.mistakes import MISTAKES
from vae_spec.subject import Standing

NATIVE, ADAPTER = blocks(read("interface"), "python")
RUN_BY_TESTS = {"interface": 2, "python": 3, "maintainers": 2, "add-a-claim": 3, "tutorial": 1}
"""How many blocks of Python a page has; each is run below or in test_docs_pages.py."""


def python(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python in a folder whose modules it can import."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    environment["PYTHONPATH"] = os.pathsep.join([str(folder), environment.get("PYTHONPATH", "")])
    return subprocess.run([sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True, timeout=300)


def test_every_block_of_python_is_run_by_a_test() -> None:
    found = {page.stem: len(blocks(read(page), "python")) for page in PAGES}
    assert {name: number for name, number in found.items() if number} == RUN_BY_TESTS


def test_every_block_says_its_language() -> None:
    known = {"console", "sh", "python", "toml", "yaml", "text", "diff"}
    opened = {line for page in PAGES for line in re.findall(r"^```(\w*)$", read(page), re.MULTILINE)}
    assert opened - {""} <= known


def test_the_native_interface_and_the_adapter_bind_with_every_part(tmp_path: Path) -> None:
    (tmp_path / "student.py").write_text(NATIVE, encoding="utf-8")
    (tmp_path / "adapter.py").write_text(ADAPTER, encoding="utf-8")
    for name, shape in (("student.py", (784,)), ("adapter.py", (1, 28, 28))):
        path = str(tmp_path / name)
        facts = bind(load_target(f"{path}:VAE"), RunOptions(path)).facts
        assert facts.input_shape == shape
        assert facts.likelihood == "bernoulli"
        assert {part: report for part, report in facts.parts.items() if report.standing is not Standing.PRESENT} == {}


def test_the_maintainers_examples_run(tmp_path: Path) -> None:
    suite, function = blocks(read("maintainers"), "python")
    (tmp_path / "student.py").write_text(NATIVE, encoding="utf-8")
    (tmp_path / "test_student.py").write_text(suite, encoding="utf-8")
    (tmp_path / "example.py").write_text(function, encoding="utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    done = python(tmp_path, "-m", "pytest", "-q", "-p", "no:cacheprovider")
    assert "6 passed" in done.stdout, done.stdout
    done = python(tmp_path, "example.py")
    assert done.returncode == 0, done.stderr


def test_the_new_claim_accepts_and_rejects(tmp_path: Path) -> None:
    claim, tests, mutant = blocks(read("add-a-claim"), "python")
    tests = tests.replace("from fakes", "from mirrored import KL_06\nfrom fakes")
    (tmp_path / "mirrored.py").write_text(claim, encoding="utf-8")
    (tmp_path / "test_mirrored.py").write_text(tests, encoding="utf-8")
    (tmp_path / "pytest.ini").write_text(f"[pytest]\npythonpath = {CATALOGUE.parent}\n", encoding="utf-8")
    done = python(tmp_path, "-m", "pytest", "-q", "-p", "no:cacheprovider")
    assert "2 passed" in done.stdout, done.stdout
    values: dict[str, object] = {}
    exec(mutant, values)
    assert values["MISTAKE"] in MISTAKES


SUBMISSIONS = {"anna": "sound/plain.py", "boris": "broken/std-no-half-foreign.py", "chen": "broken/recon-mean-kl-sum-foreign.py"}


def test_the_folder_of_submissions_becomes_the_table_of_the_page(tmp_path: Path) -> None:
    folder = tmp_path / "submissions"
    folder.mkdir()
    for name, file in SUBMISSIONS.items():
        shutil.copy(CATALOGUE / file, folder / f"{name}.py")
    (folder / "chen").mkdir()
    (folder / "chen.py").rename(folder / "chen" / "vae.py")
    (folder / "dana.py").write_text("def VAE(:\n", encoding="utf-8")
    collect = ["collect.py", "submissions", "marks.csv", "--profile", "exact", "--only", "OBJ-02,KL,REP"]
    shutil.copy(DOCS / "teachers" / "collect.py", tmp_path)
    done = python(tmp_path, *collect)
    assert done.returncode == 0, done.stderr
    with (tmp_path / "marks.csv").open(encoding="utf-8", newline="") as lines:
        rows = {row["submission"]: row for row in csv.DictReader(lines)}
    assert {name: row["verdict"] for name, row in rows.items()} == {
        "anna": "conforms",
        "boris": "violates",
        "chen": "violates",
        "dana": "unbound",
    }
    assert rows["boris"]["likely_mistakes"].split()[0] == "std-no-half"
    assert rows["chen"]["likely_mistakes"].split()[0] == "recon-mean-kl-sum"
    assert rows["dana"]["problem"]
    assert int(rows["anna"]["required_held"]) == int(rows["anna"]["required_asked"]) > 0
    first = (tmp_path / "reports" / "anna.json").stat().st_mtime_ns
    assert python(tmp_path, *collect).returncode == 0
    assert (tmp_path / "reports" / "anna.json").stat().st_mtime_ns == first
