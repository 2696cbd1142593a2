"""examples/vae-conformance-example: installed beside the project, its names are known, and what they name is judged."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
EXAMPLE = ROOT / "examples" / "vae-conformance-example"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a process that finds the package, installed without any network into a folder of its own."""
    folder = tmp_path_factory.mktemp("example")
    source, there = folder / "source", folder / "site"
    shutil.copytree(EXAMPLE, source, ignore=shutil.ignore_patterns("__pycache__", ".pytest_cache"))
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "PIP_"))}
    done = subprocess.run([*pip, "--target", str(there), str(source)], capture_output=True, text=True, env=plain, cwd=folder, timeout=300)
    assert done.returncode == 0, done.stderr
    return plain | {"PYTHONPATH": os.pathsep.join(filter(None, (str(there), plain.get("PYTHONPATH")))), "COLUMNS": "100"}


def command(installed: dict[str, str], folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    whole = [sys.executable, "-m", "vae_conformance.cli", *words]
    return subprocess.run(whole, capture_output=True, text=True, env=installed, cwd=folder, timeout=300)


def test_its_names_are_listed(installed: dict[str, str], tmp_path: Path) -> None:
    done = command(installed, tmp_path, "list")
    points = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"]["entry-points"]["vae_conformance.implementations"]
    assert done.returncode == 0
    assert {"example-plain", "example-pair"} == points.keys()
    for name, value in points.items():
        assert re.search(rf"^{name} +{re.escape(value)}$", done.stdout, re.MULTILINE)


def test_a_name_is_judged(installed: dict[str, str], tmp_path: Path) -> None:
    done = command(installed, tmp_path, "run", "example-pair", "--profile", "exact", "--only", "REP-01,KL-03,NET-03")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("example-pair: 9936 parameters, 8 latent dimensions, likelihood bernoulli-logits")
    assert "3 claims: 3 hold" in done.stdout


def test_its_record_is_said_to_have_given_the_parts(installed: dict[str, str], tmp_path: Path) -> None:
    done = command(installed, tmp_path, "inspect", "example-pair")
    assert done.returncode == 0
    assert " ".join(done.stdout.split()).count("given by the Implementation record") == 4
    assert "declared by the Implementation record: second-head log-std, input-shape 1,8,8" in " ".join(done.stdout.split())


def test_its_own_tests_pass(installed: dict[str, str], tmp_path: Path) -> None:
    shutil.copytree(EXAMPLE / "tests", tmp_path / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    words = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "REP-01 or KL-03 or NET-03", "tests"]
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, env=installed, cwd=tmp_path, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "6 passed" in done.stdout
