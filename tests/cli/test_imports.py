"""What each command imports of the packages that take long to import: names, in a process of its own, never times."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from report_samples import report_on, verdict

from vae_conformance.config.options import RunOptions
from vae_conformance.report.json_report import render_json
from vae_conformance.runner.worker_process import Assignment
from vae_conformance.target.spec import parse_target
from vae_spec.outcomes import Outcome

SLOW = {"torch", "torchvision", "numpy", "scipy.special", "scipy.stats", "sklearn", "matplotlib", "PIL"}
SLOW |= {"hypothesis", "pytest", "jaxtyping", "jinja2", "rich"}
COMMANDS = {
    "--help": {"rich"},
    "run --help": {"rich"},
    "list": {"rich"},
    "claims": {"rich", "numpy"},
    "claims KL-02": {"rich", "numpy"},
    "store --store .": {"rich", "numpy"},
    "store --store . --prune 1": {"rich", "numpy"},
    "compare a.json a.json": {"rich"},
    "compare a.json a.json --markdown c.md": {"rich"},
    "compare a.json a.json --html c.html": {"rich", "jinja2"},
    "run a.py --json r.json --junit r.xml --markdown r.md --sarif r.sarif --badge r.svg --badge-json b.json": {"rich"},
    "run a.py --html r.html": {"rich", "jinja2"},
    "inspect a.py --json r.json": {"rich"},
}
"""The packages that the parent process of each command imports: the implementation runs in a child."""
CHILDREN = {"inspect": {"torch", "numpy", "jaxtyping"}, "exact": {"torch", "numpy", "jaxtyping", "hypothesis", "scipy.special"}}
"""The packages that the child imports for an implementation that needs PyTorch alone."""
COMMAND = """
from fake_child import FakeChild
from vae_conformance.cli.main import main
script = 'bound(); promised("KL-01"); ask("KL-01"); say("finished")'
try:
    code = main(sys.argv[1:], command_of=FakeChild([script]))
except SystemExit as end:
    code = end.code
"""
CHILD = """
import gc
import vae_conformance.runner.__main__
from vae_conformance.runner.worker import Assignment, run
run(Assignment.read(Path(sys.argv[1])))
code = 0 if gc.isenabled() else "garbage is not collected"
"""
COLLECTING = """
import pytest
lines = "from vae_conformance import parametrize_with_claims", "@parametrize_with_claims('a.py')", "def test_it(check): check()"
Path("test_it.py").write_text("\\n".join(lines))
code = pytest.main(["--collect-only", "-q", "-p", "no:cacheprovider", "test_it.py"])
"""


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.py").touch()
    (tmp_path / "a.json").write_text(render_json(report_on(verdict("KL-01", Outcome.HOLDS))), encoding="utf-8")


def imported(program: str, arguments: Sequence[str]) -> set[str]:
    """Run a program that leaves an exit `code`, and return which of the slow packages it has imported."""
    samples = str(Path(__file__).parent.parent / "samples")
    noted = f"import json\nPath('imported.json').write_text(json.dumps([code, *sorted({SLOW!r} & set(sys.modules))]))"
    whole = f"import sys\nfrom pathlib import Path\nsys.path.append({samples!r})\n{program}\n{noted}"
    subprocess.run([sys.executable, "-c", whole, *arguments], capture_output=True, check=True)
    code, *names = json.loads(Path("imported.json").read_text(encoding="utf-8"))
    assert not code
    return set(names)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_imports_only_what_it_needs(command: str) -> None:
    assert imported(COMMAND, command.split()) == COMMANDS[command]


@pytest.mark.parametrize("task", CHILDREN)
def test_the_child_imports_only_what_it_needs(task: str, tmp_path: Path) -> None:
    target = Path(__file__).parent.parent / "catalogue" / "sound" / "latent-two-silu.py"
    options = RunOptions(parse_target(str(target)), profile="exact", only=("REP-02",))
    Assignment(options, tmp_path, inspect=task == "inspect").write()
    assert imported(CHILD, [str(tmp_path)]) == CHILDREN[task]
    events = (tmp_path / "events.jsonl").read_text(encoding="utf-8")
    assert ('"bound"' in events, '"verdict"' in events) == (True, task == "exact")


def test_collecting_claims_as_tests_needs_no_pytorch() -> None:
    assert "torch" not in imported(COLLECTING, [])
