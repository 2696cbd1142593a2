"""The pages for maintainers say what the code does: their examples run, their tables are complete."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from doc_pages import NATIVE, blocks, python, read, run_options

import vae_conformance
from vae_conformance.exit_codes import ExitCode

PYTHON = read("python")
REPORTS = read("reports")


@pytest.mark.parametrize("number", [0, 1])
def test_the_examples_of_runs_run(number: int, tmp_path: Path) -> None:
    (tmp_path / "student.py").write_text(NATIVE)
    (tmp_path / "example.py").write_text(blocks(PYTHON, "python")[number])
    done = python(tmp_path, "example.py")
    assert done.returncode == 0, done.stderr
    assert number == 1 or done.stdout.splitlines()[-1] == "conforms"


def test_the_example_of_tests_tests(tmp_path: Path) -> None:
    (tmp_path / "student.py").write_text(NATIVE.replace("-0.5 *", "-0.25 *"))
    (tmp_path / "test_student.py").write_text(blocks(PYTHON, "python")[2])
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    done = python(tmp_path, "-m", "pytest", "-q", "-p", "no:cacheprovider")
    assert re.search(r"6 passed, 1 skipped, 1 xfailed", done.stdout), done.stdout


def test_the_page_names_every_name() -> None:
    assert all(name in PYTHON for name in vae_conformance.__all__)
    for name in ("exit_code", "claims", "diagnoses", "problem"):
        assert name in vae_conformance.Report.__dataclass_fields__
    for name in re.findall(r"`report\.(\w+)\(\)`", PYTHON):
        assert callable(getattr(vae_conformance.Report, name))


def test_the_table_of_reports_has_every_form() -> None:
    rows = re.findall(r"^\| `(--[\w-]+)` \|", REPORTS, re.MULTILINE)
    forms = {name for name, action in run_options().items() if action.dest.endswith("_path")}
    assert set(rows) == forms


def test_comparing_has_exit_codes_of_the_command() -> None:
    section = REPORTS.partition("## Comparisons")[2]
    codes = [int(code) for code in re.findall(r"^\| (\d) \|", section, re.MULTILINE)]
    assert codes == [ExitCode.CONFORMS, ExitCode.VIOLATES, ExitCode.UNBOUND]
