"""The pages say what the code does: generated pages are up to date; options, exit codes and examples are real."""

from __future__ import annotations

import argparse
import importlib.util
import re
import shlex
from pathlib import Path

import pytest

from vae_conformance.arguments import build_parser, parse
from vae_conformance.binding.bind import bind
from vae_conformance.configuration import _READERS, read_configuration
from vae_conformance.exit_codes import ExitCode
from vae_conformance.options import RunOptions
from vae_conformance.targets import load_target
from vae_spec.claim import Profile
from vae_spec.mistakes import MISTAKES
from vae_spec.registry import CLAIMS
from vae_spec.subject import Standing

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
README = PAGES[0].read_text(encoding="utf-8")


def blocks(*languages: str) -> list[str]:
    """The README's blocks of code in these languages."""
    return re.findall(rf"^```(?:{'|'.join(languages)})\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def table(heading: str) -> list[list[str]]:
    """The cells of the table below one heading of the README, its head apart."""
    section = re.split(r"^#+ ", README.partition(f"{heading}\n")[2], flags=re.MULTILINE)[0]
    rows = [line for line in section.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def run_options() -> dict[str, argparse.Action]:
    """The options of `vae-conformance run`, as its parser has them."""
    commands = next(action for action in build_parser()._actions if isinstance(action, argparse._SubParsersAction))
    actions = commands.choices["run"]._actions
    return {action.option_strings[-1]: action for action in actions if action.option_strings and action.dest != "help"}


def commands() -> list[list[str]]:
    """Every command line of the README that starts the project's command, in words."""
    lines = [line.strip() for block in blocks("console", "sh") for line in block.splitlines()]
    inline = re.findall(r"`(vae-conformance [^`]+)`", README)
    words = [shlex.split(line.partition(" > ")[0]) for line in [*lines, *inline]]
    return [line for line in words if line[:1] == ["vae-conformance"]]


@pytest.mark.parametrize("name", ["claims", "mistakes"])
def test_a_generated_page_is_up_to_date(name: str) -> None:
    spec = importlib.util.spec_from_file_location(f"make_{name}", ROOT / "docs" / f"make_{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8") == module.render(), (
        f"make it anew: python docs/make_{name}.py > docs/{name}.md"
    )


def test_the_option_table_is_the_parsers() -> None:
    assert [row[0].partition(",")[0].strip("`") for row in table("## Options of `run`")] == list(run_options())


@pytest.mark.parametrize("row", table("## Options of `run`"), ids=lambda row: row[0])
def test_an_option_is_shown_with_its_choices(row: list[str]) -> None:
    action = run_options()[row[0].partition(",")[0].strip("`")]
    if action.choices is not None:
        assert re.findall(r"`([^`]+)`", row[1]) == list(action.choices)
    if default := re.search(r"default `([^`]+)`", row[2]):
        assert getattr(RunOptions("any"), action.dest) == default[1]


def test_the_exit_codes_are_the_commands() -> None:
    assert table("## Exit codes") == [[str(int(code)), code.meaning] for code in ExitCode]


def test_the_profiles_are_the_specifications() -> None:
    assert [row[0].strip("`") for row in table("### Profiles")] == [str(profile) for profile in Profile]


@pytest.mark.parametrize("command", commands(), ids=shlex.join)
def test_a_command_is_one_that_the_parser_takes(command: list[str]) -> None:
    assert parse(command[1:]).command == command[1]


def test_tox_commands_name_environments_that_exist() -> None:
    environments = re.findall(r"^\[testenv:(\w+)\]", (ROOT / "tox.ini").read_text(encoding="utf-8"), re.MULTILINE)
    named = re.findall(r"tox (?:-q+ )?run -e (\w+)", README)
    assert {"conformance", "bench"} <= set(named)
    assert set(named) <= set(environments)


def test_the_configuration_is_one_that_the_command_takes(tmp_path: Path) -> None:
    (example,) = [block for block in blocks("toml") if "[tool.vae-conformance]" in block]
    (tmp_path / "pyproject.toml").write_text(example, encoding="utf-8")
    read = read_configuration(tmp_path / "pyproject.toml")
    assert read["input_shape"] == (1, 28, 28)
    assert read["expected_failures"].keys() <= CLAIMS.keys()


def test_the_configuration_keys_are_all_named() -> None:
    sentence = re.search(r"The keys are (.*?)\. Each", README, re.DOTALL)
    assert sentence is not None
    assert set(re.findall(r"`([^`]+)`", sentence[1])) == set(_READERS)


def test_the_example_binds_with_every_part(tmp_path: Path) -> None:
    (native,) = blocks("python")
    path = str(tmp_path / "student.py")
    Path(path).write_text(native, encoding="utf-8")
    facts = bind(load_target(f"{path}:VAE"), RunOptions(path)).facts
    assert facts.input_shape == (784,)
    assert facts.likelihood == "bernoulli"
    assert {part: report for part, report in facts.parts.items() if report.standing is not Standing.PRESENT} == {}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_claim_that_a_page_names_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    named = set(re.findall(r"\b(?:OBJ|KL|REP|NET|TRN|REC|SMP|LAT|INT|BETA|COL|TOY|EXR|CMP)-\d\d\b", text))
    assert named <= CLAIMS.keys()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    prose = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", prose):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.is_file(), target
        if anchor:
            assert anchor in anchors(there), target


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as Markdown renderers make them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    kept = ("".join(one for one in heading.lower() if one.isalnum() or one in " -_") for heading in headings)
    return {heading.replace(" ", "-") for heading in kept}


def test_every_mistake_has_its_section() -> None:
    assert anchors(ROOT / "docs" / "mistakes.md") >= MISTAKES.keys()
