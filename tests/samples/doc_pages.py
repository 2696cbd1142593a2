"""Helpers to read the project's pages in tests: code blocks, tables, headings and commands."""

from __future__ import annotations

import argparse
import importlib.util
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from types import ModuleType

from vae_conformance.cli.parser import build_parser

ROOT = Path(__file__).resolve().parent.parent.parent
DOCS = ROOT / "docs"
PAGES = (ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(DOCS.glob("*.md")))
PROGRAM = "vae-conformance"


def read(page: Path | str) -> str:
    """Read a page; a string names a page of docs/, without its suffix."""
    path = DOCS / f"{page}.md" if isinstance(page, str) else page
    return path.read_text(encoding="utf-8")


def blocks(text: str, *languages: str) -> list[str]:
    """Return a text's code blocks in these languages."""
    return re.findall(rf"^```(?:{'|'.join(languages)})\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def table(text: str, heading: str) -> list[list[str]]:
    """Return the cells of the table below a heading, without the table's head."""
    section = re.split(r"^#+ ", text.partition(f"{heading}\n")[2], flags=re.MULTILINE)[0]
    rows = [line for line in section.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def anchors(text: str) -> set[str]:
    """Return the anchors of a page's headings, as Markdown renderers make them."""
    outside_code = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", outside_code, re.MULTILINE)
    kept = ("".join(one for one in heading.lower() if one.isalnum() or one in " -_") for heading in headings)
    return {heading.replace(" ", "-") for heading in kept}


def commands(text: str) -> list[list[str]]:
    """Return every call of the project's command on a page, split into words: in blocks, including lines of loops, and inline."""
    shell = "\n".join(blocks(text, "console", "sh")).replace("\\\n", " ")
    lines = [part.strip() for line in shell.splitlines() for part in re.split(r"\|\||&&|;", line)]
    words = [shlex.split(re.split(r" > | >> | \| ", line)[0]) for line in lines if line.startswith(f"{PROGRAM} ")]
    inline = [shlex.split(" ".join(line.split())) for line in re.findall(rf"`({PROGRAM} [^`]+)`", text)]
    whole = (line for line in inline if len(line) > 2 or line[1] in ("claims", "list", "reproduce"))
    return [line for line in (*words, *whole) if "--help" not in line]


def script(name: str, folder: Path = DOCS) -> ModuleType:
    """Import a script of docs/, or of another folder, under its own name."""
    spec = importlib.util.spec_from_file_location(name, folder / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look up their module
    spec.loader.exec_module(module)
    return module


def run_options() -> dict[str, argparse.Action]:
    """Return the options of `vae-conformance run` from its parser."""
    commands = next(action for action in build_parser()._actions if isinstance(action, argparse._SubParsersAction))
    actions = commands.choices["run"]._actions
    return {action.option_strings[-1]: action for action in actions if action.option_strings and action.dest != "help"}


def python(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python in a folder, with the folder's modules importable."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    environment["PYTHONPATH"] = os.pathsep.join([str(folder), environment.get("PYTHONPATH", "")])
    return subprocess.run([sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True, timeout=300)


(NATIVE,) = blocks(read("interface"), "python")
"""The native interface as shown in docs/interface.md."""
