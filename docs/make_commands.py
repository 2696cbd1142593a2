"""Print docs/commands.md, generated from the command's parser: python docs/make_commands.py > docs/commands.md."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

from vae_conformance.cli.parser import build_parser
from vae_conformance.config.options import OPTIONS, Scope
from vae_conformance.exit_codes import ExitCode
from vae_spec.claim import Profile

_HEAD = """# Commands

Made by `docs/make_commands.py` from the parser of `vae-conformance`; do not edit it by hand. `vae-conformance run --help`
shows the same of one of them in a terminal. Options of `run` may also [stand elsewhere](#where-an-option-may-stand).

"""
_COSTS = {
    Profile.EXACT: ("the claims that need no training", "seconds"),
    Profile.QUICK: (
        (
            "these, and the claims about trainings on the chosen data: each of two seeds is trained as it is, as an autoencoder, at"
            " beta 0.1 and 4, and without a KL"
        ),
        "about a minute for a small MLP on the digits",
    ),
    Profile.FULL: (
        (
            "the same from six seeds on (two on large data); for the reference's own systems also their exercises, the strong decoder"
            " and the comparison with a GAN"
        ),
        "minutes",
    ),
}
_PROFILES = """## Profiles

`--profile` of `run` says how much is asked; each profile asks all of those before it.

| profile | asks | costs on two cores |
|---|---|---|
"""
_STORE = """
Trainings are kept in the store under a name that the implementation's code, the recipe, the data and the suite's own
sources decide, so a second run costs less. A change of the code makes them anew; one of a comment, a docstring or a notebook's text
does not. [`store`](#store) shows what is kept. Beyond 500 MB, what was used longest ago makes room.
"""
_PLACES = """## Where an option may stand

Each option of `run` has the same values and the same meaning in [Python](python.md), in a
[`pyproject.toml`](configuration.md#in-a-pyprojecttoml) and by [the class itself](configuration.md#by-the-class-itself), where it
may stand there. The command line wins over the file, and the file over the class.

| option | in Python | in a `pyproject.toml` | by the class |
|---|---|---|---|
"""
_CODES = """
## Exit codes

Of `run`; `compare` has its own, see [reports](reports.md#comparisons).

| code | word | meaning |
|---|---|---|
"""
_WORST = """
The worst wins, in the order 5, 2, 1, 4, 3, 0. Missing parts are judged, not refused: where nothing can stand in for one
(`encode`, `decode`, `forward`), the claims that need it are violated; where something can, they do not apply.
"""


def render() -> str:
    """Render the page as Markdown."""
    parser = build_parser()
    (commands,) = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))  # noqa: SLF001
    helps = {action.dest: action.help or "" for action in commands._choices_actions}  # noqa: SLF001
    rows = [f"| [`{name}`](#{name}) | {helps[name]} |" for name in commands.choices]
    table = "\n".join(["| command | what it does |", "|---|---|", *rows]) + "\n\n"
    profiles = "\n".join(f"| `{profile}` | {asks} | {costs} |" for profile, (asks, costs) in _COSTS.items()) + "\n"
    codes = "\n".join(f"| {int(code)} | {code.verdict} | {code.meaning} |" for code in ExitCode) + "\n"
    sections = "".join(_section(name, command) for name, command in commands.choices.items())
    return _HEAD + table + sections + _PLACES + _places() + _PROFILES + profiles + _STORE + _CODES + codes + _WORST


def _places() -> str:
    rows = (
        (
            f"`{option.flag}`",
            f"`{option.name}`",
            *(f"`{option.key}`" if option.scope >= scope else "" for scope in (Scope.PROJECT, Scope.IMPLEMENTATION)),
        )
        for option in OPTIONS.values()
    )
    return "".join(f"| {' | '.join(row)} |\n" for row in rows) + "\n"


def _section(name: str, command: argparse.ArgumentParser) -> str:
    parts = [f"## {name}\n\n{command.description}\n\n```text\n{_usage(command)}\n```\n\n"]
    for group in command._action_groups:  # noqa: SLF001
        actions = [action for action in group._group_actions if action.dest != "help"]  # noqa: SLF001
        if actions:
            parts.append("\n".join(_table(str(group.title), actions)) + "\n\n")
    if examples := _examples(command):
        parts.append("```sh\n" + "\n".join(examples) + "\n```\n\n")
    return "".join(parts)


def _usage(command: argparse.ArgumentParser) -> str:
    positional = [action.metavar + ("..." if action.nargs == "+" else "") for action in command._actions if not action.option_strings]  # noqa: SLF001
    shown = [f"[{word}]" if action.nargs == "?" else word for word, action in zip(positional, _positionals(command), strict=True)]
    options = ["[options]"] if len(command._actions) > len(positional) + 1 else []  # noqa: SLF001
    return " ".join([command.prog, *options, *shown])


def _positionals(command: argparse.ArgumentParser) -> list[argparse.Action]:
    return [action for action in command._actions if not action.option_strings]  # noqa: SLF001


def _table(title: str, actions: list[argparse.Action]) -> Iterator[str]:
    positional = title == "positional arguments"
    if title not in {"positional arguments", "options"}:
        yield f"**{title[0].upper()}{title[1:]}**\n"
    yield "| argument | meaning |" if positional else "| option | value | meaning |"
    yield "|---|---|" if positional else "|---|---|---|"
    for action in actions:
        names = ", ".join(f"`{name}`" for name in reversed(action.option_strings)) or f"`{action.metavar}`"
        value = "" if positional else f"{_value(action)} | "
        yield f"| {names} | {value}{_escaped(action.help or '')} |"


def _value(action: argparse.Action) -> str:
    if action.choices is not None:
        return ", ".join(f"`{choice}`" for choice in action.choices)
    if not action.option_strings or action.nargs == 0:
        return ""
    return f"`{action.metavar}`"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


def _examples(command: argparse.ArgumentParser) -> list[str]:
    """Return the command lines in a command's epilogue."""
    lines = (line.strip() for line in (command.epilog or "").splitlines())
    return [line for line in lines if line.startswith("vae-conformance ")]


if __name__ == "__main__":
    sys.stdout.write(render())
