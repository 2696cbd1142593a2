"""The grammar of a target's text: what each form means, found without importing, and what is wrong with a text of none."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from vae_conformance.config.options import RunOptions
from vae_conformance.config.target_spec import TargetKind, TargetSpec
from vae_conformance.errors import Unbound
from vae_conformance.target import spec as module
from vae_conformance.target.spec import parse_target


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    package = tmp_path / "homework" / "part"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise SystemExit('imported')")
    for name in ("vae.py", "VAE.PY", "old:vae.py", "vae.ipynb", "vae.IPYNB", "notes.txt"):
        (package / name).write_text("raise SystemExit('imported')")


PART = Path("homework/part")
FILE, NOTEBOOK, MODULE = TargetKind.FILE, TargetKind.NOTEBOOK, TargetKind.MODULE


@pytest.mark.parametrize(
    "meant",
    [
        TargetSpec("homework/part/vae.py", FILE, PART / "vae.py"),
        TargetSpec("homework/part/vae.py:VAE", FILE, PART / "vae.py", name="VAE"),
        TargetSpec("homework/part/vae.py: Models.vae ", FILE, PART / "vae.py", name="Models.vae"),
        TargetSpec("homework/part/VAE.PY", FILE, PART / "VAE.PY"),
        TargetSpec("homework/part/old:vae.py:VAE", FILE, PART / "old:vae.py", name="VAE"),
        TargetSpec("homework/part/vae.ipynb", NOTEBOOK, PART / "vae.ipynb"),
        TargetSpec("homework/part/vae.IPYNB:VAE", NOTEBOOK, PART / "vae.IPYNB", name="VAE"),
        TargetSpec("no_such.module:VAE", MODULE, None, "no_such.module", "VAE"),
        TargetSpec("homework.part.no_such:VAE", MODULE, None, "homework.part.no_such", "VAE"),
        TargetSpec("builtins:dict", MODULE, None, "builtins", "dict"),
    ],
    ids=str,
)
def test_what_a_text_means(meant: TargetSpec) -> None:
    assert parse_target(meant.text) == meant
    meant.check()
    assert RunOptions.from_json(RunOptions(meant).to_json()) == RunOptions(meant)


@pytest.mark.parametrize(("dotted", "file"), [("homework.part.vae", "vae.py"), ("homework.part", "__init__.py")])
def test_the_file_of_a_module_in_the_current_folder_is_found_without_importing_it(dotted: str, file: str, tmp_path: Path) -> None:
    meant = TargetSpec(f"{dotted}:VAE", MODULE, tmp_path / PART / file, dotted, "VAE")
    assert parse_target(meant.text) == meant
    assert RunOptions.from_json(RunOptions(meant).to_json()) == RunOptions(meant)
    assert "homework" not in sys.modules


def test_the_file_of_an_entry_point_is_found_without_importing_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "entry_points", lambda group: [EntryPoint("mine:2", "homework.part.vae:VAE", group)])
    file = tmp_path / PART / "vae.py"
    assert parse_target("mine:2") == TargetSpec("mine:2", TargetKind.ENTRY_POINT, file, "homework.part.vae", "VAE")


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        ("homework/part/vea.py", FILE, "there is no file homework/part/vea.py (did you mean vae.py?)"),
        ("homework/part/vae.py:", FILE, "names nothing after the colon"),
        ("homework/part/notes.txt", TargetKind.UNKNOWN, "neither a Python file nor a notebook"),
        ("homework/part", TargetKind.UNKNOWN, "is a folder"),
        ("homework", TargetKind.UNKNOWN, "is a folder"),
        ("no_such_name", TargetKind.UNKNOWN, "no implementation is called 'no_such_name'"),
        (":VAE", TargetKind.UNKNOWN, "no implementation is called ':VAE'"),
        ("", TargetKind.UNKNOWN, "no implementation is called ''"),
    ],
)
def test_what_is_wrong_is_noted_and_said_when_it_matters(text: str, kind: TargetKind, words: str) -> None:
    spec = parse_target(text)
    assert (spec.text, spec.kind) == (text, kind)
    with pytest.raises(Unbound) as caught:
        spec.check()
    assert words in caught.value.message
    assert caught.value.hint


def test_parsing_imports_no_parent_package_and_no_pytorch() -> None:
    parse = "from vae_conformance.target.spec import parse_target; parse_target('torch.nn:Linear')"
    code = f"import sys; {parse}; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False"]
