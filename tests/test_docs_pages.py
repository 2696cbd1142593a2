"""The pages for maintainers say what the code does: their examples run, their tables are complete."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import vae_conformance
from test_docs import ROOT, blocks, run_options
from vae_conformance.arguments import parse
from vae_conformance.checking import RunChoices
from vae_conformance.exit_codes import ExitCode

PYTHON = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
REPORTS = (ROOT / "docs" / "reports.md").read_text(encoding="utf-8")
NATIVE = blocks("python")[0]


def examples(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)


def python(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    environment["PYTHONPATH"] = os.pathsep.join([str(folder), environment.get("PYTHONPATH", "")])
    return subprocess.run([sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True, timeout=300)


@pytest.mark.parametrize("number", [0, 1])
def test_the_examples_of_runs_run(number: int, tmp_path: Path) -> None:
    (tmp_path / "student.py").write_text(NATIVE)
    (tmp_path / "example.py").write_text(examples(PYTHON, "python")[number])
    done = python(tmp_path, "example.py")
    assert done.returncode == 0, done.stderr
    assert number == 1 or done.stdout.splitlines()[-1] == "conforms"


def test_the_example_of_tests_tests(tmp_path: Path) -> None:
    (tmp_path / "student.py").write_text(NATIVE.replace("-0.5 *", "-0.25 *"))
    (tmp_path / "test_student.py").write_text(examples(PYTHON, "python")[2])
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    done = python(tmp_path, "-m", "pytest", "-q", "-p", "no:cacheprovider")
    assert re.search(r"6 passed, 1 skipped, 1 xfailed", done.stdout), done.stdout


def test_the_page_names_every_option_and_every_name() -> None:
    sentence = re.search(r"with underscores: (.*?)\. A value", PYTHON, re.DOTALL)
    assert sentence is not None
    assert set(re.findall(r"`([^`]+)`", sentence[1])) == RunChoices.__optional_keys__
    assert all(name in PYTHON for name in vae_conformance.__all__)
    for name in ("exit_code", "claims", "diagnoses", "problem"):
        assert name in vae_conformance.Report.__dataclass_fields__
    for name in re.findall(r"`report\.(\w+)\(\)`", PYTHON):
        assert callable(getattr(vae_conformance.Report, name))


def test_the_table_of_reports_has_every_form() -> None:
    rows = re.findall(r"^\| `(--[\w-]+)` \|", REPORTS, re.MULTILINE)
    forms = {name for name, action in run_options().items() if action.dest.endswith("_path")}
    assert set(rows) == forms


@pytest.mark.parametrize("command", [line for block in examples(REPORTS, "console") for line in block.splitlines()])
def test_a_command_is_one_that_the_parser_takes(command: str) -> None:
    program, *words = shlex.split(command)
    assert (program, parse(words).command) == ("vae-conformance", words[0])


def test_comparing_has_exit_codes_of_the_command() -> None:
    section = REPORTS.partition("## Comparisons")[2]
    codes = [int(code) for code in re.findall(r"^\| (\d) \|", section, re.MULTILINE)]
    assert codes == [ExitCode.CONFORMS, ExitCode.VIOLATES, ExitCode.UNBOUND]
