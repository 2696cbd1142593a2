"""The pages say what the code does: generated pages are up to date; options, exit codes and links are real."""

from __future__ import annotations

import argparse
import re
import shlex
import tomllib
from pathlib import Path

import pytest
from doc_pages import DOCS, PAGES, PROGRAM, ROOT, anchors, blocks, commands, read, script, table

from vae_conformance.cli.parser import build_parser, parse
from vae_conformance.config.pyproject import read_configuration
from vae_conformance.exit_codes import ExitCode
from vae_spec.claim import Profile
from vae_spec.mistakes import MISTAKES
from vae_spec.registry import CLAIMS, WITHDRAWN

README = read(ROOT / "README.md")
MADE = ("claims", "mistakes", "commands")
"""The pages that a script makes of the code; docs/error-rates.md is measured."""
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


@pytest.mark.parametrize("name", MADE)
def test_a_generated_page_is_up_to_date(name: str) -> None:
    assert read(name) == script(f"make_{name}").render(), f"make it anew: python docs/make_{name}.py > docs/{name}.md"


def test_the_command_reference_has_every_command_option_and_choice() -> None:
    page = read("commands")
    parser = build_parser()
    (subparsers,) = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    for name, command in subparsers.choices.items():
        section = page.partition(f"\n## {name}\n")[2].partition("\n## ")[0]
        for action in command._actions:
            named = [action.metavar] if not action.option_strings else action.option_strings
            assert all(f"`{one}`" in section for one in (*named, *(action.choices or ())) if action.dest != "help"), (name, action.dest)
    assert [row[0].strip("`") for row in table(page, "## Profiles")] == [str(profile) for profile in Profile]


def test_the_readme_s_exit_codes_are_the_commands() -> None:
    assert table(README, "## Exit codes") == [[str(int(code)), code.meaning] for code in ExitCode]


def named_commands() -> list[object]:
    """Every command line of every page, with the page."""
    return [pytest.param(line, id=f"{page.name}: {shlex.join(line)}") for page in PAGES for line in commands(read(page))]


@pytest.mark.parametrize("command", named_commands())
def test_a_command_is_one_that_the_parser_takes(command: list[str]) -> None:
    assert command[0] == PROGRAM
    assert parse(command[1:]).command == command[1]


def test_tox_commands_name_environments_that_exist() -> None:
    environments = re.findall(r"^\[testenv:(\w+)\]", (ROOT / "tox.ini").read_text(encoding="utf-8"), re.MULTILINE)
    named = {name for page in PAGES for name in re.findall(r"tox (?:-q+ )?run -e (\w+)", read(page))}
    assert {"conformance", "bench", "docs"} <= named
    assert named <= set(environments)


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(read(page), "toml")], ids=lambda page: page.name)
def test_a_configuration_is_one_that_the_command_takes(page: Path, tmp_path: Path) -> None:
    for example in blocks(read(page), "toml"):
        assert tomllib.loads(example).keys() <= {"tool", "project"}
        (tmp_path / "pyproject.toml").write_text(example, encoding="utf-8")
        assert read_configuration(tmp_path / "pyproject.toml").get("expected_failures", {}).keys() <= CLAIMS.keys()


@each_page
def test_every_claim_that_a_page_names_exists(page: Path) -> None:
    text = re.sub(r"^```python\n.*?^```$", "", read(page), flags=re.MULTILINE | re.DOTALL) if page.stem == "add-a-claim" else read(page)
    named = set(re.findall(r"\b(?:OBJ|KL|REP|NET|TRN|REC|SMP|LAT|INT|BETA|COL|TOY|EXR|CMP)-\d\d\b", text))
    besides = {"add-a-claim": {"KL-06"}, "CHANGELOG": WITHDRAWN.keys()}.get(page.stem, set())
    assert named - besides <= CLAIMS.keys()


@each_page
def test_every_mistake_that_a_page_s_code_names_exists(page: Path) -> None:
    named = set(re.findall(r"(?:MISTAKE = |diagnosis=)\"([\w-]+)\"", read(page)))
    assert named <= MISTAKES.keys()


@each_page
def test_every_link_and_every_picture_leads_somewhere(page: Path) -> None:
    prose = re.sub(r"^```.*?^```$", "", read(page), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", prose):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.is_file(), target
        assert page.parent != DOCS or there.is_relative_to(DOCS), f"{target} is no part of the site"
        if anchor:
            assert anchor in anchors(read(there)), target


@each_page
def test_a_picture_says_in_words_what_it_shows(page: Path) -> None:
    assert all(len(words) > 20 for words in re.findall(r"!\[([^\]]*)\]", read(page)))


def test_every_mistake_has_its_section() -> None:
    assert anchors(read("mistakes")) >= MISTAKES.keys()
