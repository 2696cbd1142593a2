"""What each command imports: only those that load an implementation wait for PyTorch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {"hypothesis", "jinja2", "matplotlib", "numpy", "pytest", "scipy", "sklearn", "torch", "torchvision"}
REPORT = Path(__file__).parents[1] / "report" / "__snapshots__" / "test_snapshots" / "test_the_file[part-report.json].json"
SCRIPT = """
import contextlib, io, sys
from vae_conformance.cli.main import main
with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
    main(sys.argv[1:])
print(*sys.modules)
"""


@pytest.mark.parametrize(
    ("arguments", "allowed"),
    [
        (["--help"], set()),
        (["run", "--help"], set()),
        (["list"], set()),
        (["compare", str(REPORT), str(REPORT)], {"jinja2"}),
        (["store"], {"numpy"}),
        (["claims"], {"numpy", "scipy", "hypothesis"}),
        (["claims", "KL-02"], {"numpy", "scipy", "hypothesis"}),
    ],
    ids=lambda one: " ".join(one[:1]) if isinstance(one, list) else "",
)
def test_a_command_imports_what_it_needs(arguments: list[str], allowed: set[str], tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT, *arguments], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert HEAVY & set(done.stdout.split()) <= allowed
