"""The files for other people's servers: their shell lines are run as those servers run them, as far as no server is needed."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from doc_pages import ROOT, run_options

from vae_conformance.cli.parser import parse

yaml = pytest.importorskip("yaml")
ACTION = ROOT / "action.yml"
EXAMPLES = sorted((ROOT / "docs" / "ci").glob("*.yml"))
COMMAND = """
import json, sys
from pathlib import Path
from fake_child import FakeChild
from vae_conformance.cli.main import main

Path("asked.json").write_text(json.dumps(sys.argv[1:]))
words = sys.argv[1:]
outcome = "violated" if "violating" in words[1] else "holds"
script = f"bound(); promised('KL-01'); ask('KL-01', {outcome!r}); say('finished')"
sys.exit(main(words, command_of=FakeChild([script])))
"""
PIP = """
import json, os, sys
from pathlib import Path

if sys.argv[1:3] == ["-m", "pip"]:
    Path("installed.json").write_text(json.dumps(sys.argv[3:]))
else:
    os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


@dataclass
class Server:
    """A folder with an implementation, the files that GitHub gives a step, and commands that stand in for the installed ones."""

    folder: Path
    outputs: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        (self.folder / "bin").mkdir()
        (self.folder / "temp").mkdir()
        for name in ("good.py", "violating model.py"):
            (self.folder / name).touch()
        self._program("vae-conformance", COMMAND)
        self._program("python", PIP)

    def _program(self, name: str, source: str) -> None:
        script = self.folder / "bin" / f"{name}.script"
        script.write_text(source)
        program = self.folder / "bin" / name
        program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {shlex.quote(str(script))} "$@"\n')
        program.chmod(0o755)

    def environment(self, **more: str) -> dict[str, str]:
        paths = [str(ROOT / name) for name in ("reference", "spec", "conformance", "tests/samples")]
        return {
            **os.environ,
            "PATH": f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": os.pathsep.join([*paths, os.environ.get("PYTHONPATH", "")]),
            "RUNNER_TEMP": str(self.folder / "temp"),
            "GITHUB_OUTPUT": str(self.folder / "output"),
            "GITHUB_STEP_SUMMARY": str(self.folder / "summary"),
            "GITHUB_ACTION_PATH": "/opt/an action",
            **more,
        }

    def step(self, name: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run one step of the action by GitHub's own command for `shell: bash`."""
        step = next(step for step in load(ACTION)["runs"]["steps"] if step["name"] == name)
        assert step["shell"] == "bash"
        assert set(variables) == set(step.get("env", {}))
        script = self.folder / "step.sh"
        script.write_text(step["run"])
        command = [shutil.which("bash") or "bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)]
        done = subprocess.run(command, cwd=self.folder, env=self.environment(**variables), capture_output=True, text=True, timeout=120)
        if (self.folder / "output").exists():
            self.outputs = dict(line.split("=", 1) for line in (self.folder / "output").read_text().splitlines())
        return done

    def said(self, name: str) -> Any:
        return json.loads((self.folder / name).read_text())


@pytest.fixture
def server(tmp_path: Path) -> Server:
    if shutil.which("bash") is None:
        pytest.skip("there is no bash")
    return Server(tmp_path)


def test_the_action_is_composed_of_steps_that_github_knows() -> None:
    action = load(ACTION)
    assert {"name", "description", "inputs", "outputs", "runs"} <= action.keys()
    assert action["runs"]["using"] == "composite"
    for step in action["runs"]["steps"]:
        assert ("uses" in step) is not ("run" in step and "shell" in step), step["name"]
        if "uses" in step:
            assert re.fullmatch(r"[\w.-]+/[\w./-]+@v\d+", step["uses"])
    for name, entry in action["inputs"].items():
        assert entry["description"], name
        assert ("default" in entry) is not entry.get("required", False), name


def test_every_expression_names_what_there_is() -> None:
    action, text = load(ACTION), ACTION.read_text(encoding="utf-8")
    assert set(re.findall(r"inputs\.([\w-]+)", text)) == set(action["inputs"])
    script = next(step["run"] for step in action["runs"]["steps"] if step.get("id") == "run")
    written = set(re.findall(r'echo "([\w-]+)=', script))
    assert set(re.findall(r"steps\.run\.outputs\.([\w-]+)", text)) == written


def test_no_shell_line_holds_an_expression() -> None:
    """What a user of the action writes reaches the shell as a variable, never as its source."""
    assert [step["name"] for step in load(ACTION)["runs"]["steps"] if "${{" in step.get("run", "")] == []


@pytest.mark.parametrize(
    ("target", "options", "code", "verdict"),
    [
        ("good.py:VAE", "", 0, "conforms"),
        ("violating model.py:VAE", "--gate required --expect-fail 'REP-01=why not; exit 3'", 1, "violates"),
        ("good.py:VAE", "--only KL --seed 3", 0, "conforms"),
    ],
)
def test_the_action_runs_reports_and_ends_with_the_code(server: Server, target: str, options: str, code: int, verdict: str) -> None:
    assert server.step("Ask the claims", TARGET=target, PROFILE="exact", OPTIONS=options).returncode == 0
    assert server.outputs["exit-code"] == str(code)
    words = server.said("asked.json")
    assert words[:2] == ["run", target]
    assert words[words.index("--profile") + 1] == "exact"
    assert words[len(words) - len(shlex.split(options)) :] == shlex.split(options)
    reports = Path(server.outputs["reports"])
    assert reports.parent == server.folder / "temp"
    assert json.loads((reports / "report.json").read_text())["verdict"] == verdict
    assert server.outputs["sarif"] == str(reports / "report.sarif")
    assert json.loads((reports / "report.sarif").read_text())["version"] == "2.1.0"
    assert ET.parse(reports / "junit.xml").getroot().tag == "testsuites"
    assert {"summary.md", "badge.svg", "badge.json"} <= {path.name for path in reports.iterdir()}
    assert server.step("Summarise", REPORTS=str(reports)).returncode == 0
    assert (server.folder / "summary").read_text() == (reports / "summary.md").read_text()
    assert server.step("Give the verdict", CODE=server.outputs["exit-code"]).returncode == code


def test_a_usage_error_ends_with_its_code_and_without_reports(server: Server) -> None:
    assert server.step("Ask the claims", TARGET="good.py", PROFILE="", OPTIONS="--profile splendid").returncode == 0
    assert server.outputs["exit-code"] == "2"
    assert "sarif" not in server.outputs
    assert server.step("Summarise", REPORTS=server.outputs["reports"]).returncode == 0
    assert not (server.folder / "summary").exists()
    assert server.step("Give the verdict", CODE=server.outputs["exit-code"]).returncode == 2


def test_the_action_installs_itself_under_its_pins(server: Server) -> None:
    default = load(ACTION)["inputs"]["install"]["default"]
    assert server.step("Install", INSTALL=default).returncode == 0
    words = server.said("installed.json")
    assert words == ["install", "--disable-pip-version-check", "-c", "/opt/an action/constraints.txt", "/opt/an action"]
    assert {Path(word).name for word in words if word.endswith(".txt")} <= {path.name for path in ROOT.iterdir()}


def test_gitlab_s_lines_leave_the_reports_that_the_job_names(server: Server) -> None:
    (job,) = load(ROOT / "docs" / "ci" / "gitlab.yml").values()
    variables = {**job["variables"], "TARGET": "good.py:VAE"}
    for line in (*job["before_script"], *job["script"]):
        done = subprocess.run(
            ["sh", "-e", "-c", line], cwd=server.folder, env=server.environment(**variables), capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stderr
    assert server.said("installed.json")[-1] == job["variables"]["PACKAGE"]
    assert (server.folder / job["artifacts"]["reports"]["junit"]).is_file()
    assert (server.folder / job["artifacts"]["paths"][0] / "report.json").is_file()


def test_the_hook_is_a_command_that_the_parser_takes() -> None:
    (hook,) = load(ROOT / ".pre-commit-hooks.yaml")
    (repo,) = load(ROOT / "docs" / "ci" / "pre-commit.yml")["repos"]
    (used,) = repo["hooks"]
    assert used["id"] == hook["id"]
    program, *words = [*shlex.split(hook["entry"]), *used["args"]]
    arguments = parse(words)
    assert (program, arguments.command, arguments.profile, arguments.target) == ("vae-conformance", "run", "exact", "student.py:VAE")
    assert hook["pass_filenames"] is False
    assert all(re.search(hook["files"], name) for name in ("student.py", "deep/homework.ipynb"))
    assert not re.search(hook["files"], "README.md")


def test_the_workflow_uses_inputs_that_the_action_has() -> None:
    workflow = load(ROOT / "docs" / "ci" / "github.yml")
    step = workflow["jobs"]["vae"]["steps"][-1]
    inputs = load(ACTION)["inputs"]
    assert step["with"].keys() <= inputs.keys()
    assert {name for name, entry in inputs.items() if entry.get("required")} <= step["with"].keys()
    assert workflow["permissions"]["security-events"] == "write"


def test_every_option_is_the_command_s() -> None:
    text = "\n".join(path.read_text(encoding="utf-8") for path in (ACTION, ROOT / ".pre-commit-hooks.yaml", *EXAMPLES))
    lines = re.findall(r"(?:arguments\+?=\(|vae-conformance run).*|^ +--\w.*", text, re.MULTILINE)
    named = {word for line in lines for word in re.findall(r"(?<![\w-])--[a-z][a-z-]+", line)}
    assert {"--json", "--sarif", "--markdown", "--profile"} <= named
    assert named <= set(run_options())


def test_the_page_shows_the_files_as_they_are() -> None:
    page = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```yaml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert sorted(blocks) == sorted(path.read_text(encoding="utf-8") for path in EXAMPLES)
    rows = re.findall(r"^\| `([\w-]+)` \| (.*?) \|", page, re.MULTILINE)
    inputs = load(ACTION)["inputs"]
    assert [name for name, _ in rows] == list(inputs)
    for name, default in rows:
        if shown := re.fullmatch(r"`(.*)`", default):
            assert inputs[name]["default"] == shown[1]
