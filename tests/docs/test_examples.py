"""The examples of the pages run: every block of Python, and the files that pages are written around."""

from __future__ import annotations

import csv
import io
import json
import re
import shlex
import shutil
from pathlib import Path
from typing import Any

from doc_pages import DOCS, NATIVE, PAGES, blocks, python, read, table
from evidence_samples import groups
from fakes import facts
from named import named_options, named_target

from catalogue_index import CATALOGUE
from vae_conformance.binding.bind import bind
from vae_spec.claim import Experiment
from vae_spec.judging import judge
from vae_spec.mistakes import MISTAKES
from vae_spec.subject import Standing

RUN_BY_TESTS = {"adapters": 8, "interface": 1, "python": 3, "maintainers": 2, "add-a-claim": 4, "tutorial": 1}
"""How many blocks of Python a page has; each is run below, in test_pages.py, in test_tutorial.py or in tests/target/test_adapters.py."""


def test_every_block_of_python_is_run_by_a_test() -> None:
    found = {page.stem: len(blocks(read(page), "python")) for page in PAGES}
    assert {name: number for name, number in found.items() if number} == RUN_BY_TESTS


def test_every_block_says_its_language() -> None:
    known = {"console", "sh", "python", "toml", "yaml", "text", "diff"}
    opened = {line for page in PAGES for line in re.findall(r"^```(\w*)$", read(page), re.MULTILINE)}
    assert opened - {""} <= known


def test_the_native_interface_binds_with_every_part(tmp_path: Path) -> None:
    path = tmp_path / "student.py"
    path.write_text(NATIVE, encoding="utf-8")
    facts = bind(named_target(f"{path}:VAE"), named_options(str(path))).facts
    assert facts.input_shape == (784,)
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


def test_the_new_claim_accepts_and_rejects() -> None:
    claim, tests, mutant, _trained = blocks(read("add-a-claim"), "python")
    values: dict[str, Any] = {}
    for block in (claim, tests, mutant):
        exec(block, values)
    asked = [value for name, value in values.items() if name.startswith("test_")]
    assert len(asked) == 2
    for test in asked:
        test()
    assert values["MISTAKE"] in MISTAKES


def test_the_new_claim_about_trainings_accepts_and_rejects() -> None:
    values: dict[str, Any] = {}
    exec(blocks(read("add-a-claim"), "python")[3], values)
    claim = values["COL_05"]
    assert claim.decision == "held-out KL, nats > 2, over 2, 3, 6 or 10 seeds; the analytic KL of 500 held-out items"
    assert judge(claim, groups(Experiment.IMAGES), facts()).outcome == "holds"
    rejected = judge(claim, groups(Experiment.IMAGES, OWN={"kl": 0.01}), facts())
    assert (rejected.outcome, rejected.diagnosis) == ("violated", "recon-mean-kl-sum")


UNFINISHED = """
import torch
from torch import nn


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(784, 64)
        self.mu_head = nn.Linear(64, 8)
        self.logvar_head = nn.Linear(64, 8)

    def encode(self, x):
        h = torch.relu(self.hidden(x))
        return self.mu_head(h), self.logvar_head(h)

    def reparameterize(self, mu, logvar):
        return mu + torch.exp(0.5 * logvar) * torch.randn_like(logvar)
"""


TOLD = ("submission", "verdict", "required_asked", "violated", "likely_mistakes")
"""The columns that the page shows."""


def submit(folder: Path) -> None:
    """The submissions of the teachers' page."""
    (folder / "chen").mkdir(parents=True)
    shutil.copy(CATALOGUE / "sound" / "plain.py", folder / "anna.py")
    source = (CATALOGUE / "broken" / "std-no-half-foreign.py").read_text(encoding="utf-8")
    cell = {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [], "id": "model", "source": source}
    notebook = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [cell]}
    (folder / "boris.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
    shutil.copy(CATALOGUE / "broken" / "recon-mean-kl-sum-foreign.py", folder / "chen" / "vae.py")
    (folder / "chen" / "notes.txt").touch()
    (folder / "dana.py").write_text(UNFINISHED, encoding="utf-8")
    (folder / "emil.py").write_text("class VAE(\n    pass\n", encoding="utf-8")


def test_the_folder_of_submissions_becomes_the_table_of_the_page(tmp_path: Path) -> None:
    submit(tmp_path / "submissions")
    shutil.copy(DOCS / "teachers" / "collect.py", tmp_path)
    told = [dict(zip(TOLD, row, strict=True)) for row in table(read("teachers"), "## A folder into a table")]
    line = next(block for block in blocks(read("teachers"), "console") if "collect.py" in block)
    words = [*shlex.split(line)[1:], "--only", ",".join(sorted({claim for row in told for claim in row["violated"].split()}))]
    assert python(tmp_path, *words).returncode == 0
    text = (tmp_path / "marks.csv").read_text(encoding="utf-8")
    made = list(csv.DictReader(io.StringIO(text)))
    same = [name for name in TOLD if name != "required_asked"]  # here those claims alone are asked that somebody violates
    assert [[row[name] for name in same] for row in made] == [[row[name] for name in same] for row in told]
    assert [row["submission"] for row in made if row["problem"]] == ["emil"]
    assert all(int(row["required_held"]) <= int(row["required_asked"]) for row in made)
    first = (tmp_path / "reports" / "anna.json").stat().st_mtime_ns
    stopped = tmp_path / "reports" / "dana.json"
    stopped.write_text(json.dumps(json.loads(stopped.read_text(encoding="utf-8")) | {"verdict": "interrupted"}), encoding="utf-8")
    assert python(tmp_path, *words).returncode == 0
    assert (tmp_path / "reports" / "anna.json").stat().st_mtime_ns == first
    assert (tmp_path / "marks.csv").read_text(encoding="utf-8") == text, "a run that was stopped is made again"


def test_two_submissions_of_one_name_are_refused(tmp_path: Path) -> None:
    submit(tmp_path / "submissions")
    shutil.copy(DOCS / "teachers" / "collect.py", tmp_path)
    (tmp_path / "submissions" / "chen.py").touch()
    done = python(tmp_path, "collect.py", "submissions", "marks.csv")
    assert done.returncode == 1
    assert "would both be called chen: rename one" in done.stderr
    assert not (tmp_path / "marks.csv").exists()
