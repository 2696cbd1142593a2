"""The argument parser of the command line: commands, options, and one-line error messages."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NoReturn

from vae_conformance.config import values
from vae_conformance.config.kinds import checked
from vae_conformance.config.options import OPTIONS, Group
from vae_conformance.exit_codes import ExitCode

_TARGET = "file.py, file.py:Name, the same of a notebook.ipynb, package.module:object, or a registered name (see: vae-conformance list)"
_EXIT_CODES = "exit codes:\n" + "\n".join(f"  {int(code):3}  {code.meaning}" for code in ExitCode)
_RUN_EXAMPLES = """examples:
  vae-conformance run student.py:VAE
  vae-conformance run student.py --profile exact --only KL,REP-01
  vae-conformance run reference --html report.html --json report.json --junit report.xml
  vae-conformance run mine.py --input-shape 1,28,28 --input-range -1,1 --expect-fail OBJ-02='a weight of 0.1 on purpose'

options may stand in the pyproject.toml beside the implementation as well, under [tool.vae-conformance].

"""
_REPRODUCE_EXAMPLES = """examples:
  vae-conformance reproduce
  vae-conformance reproduce --dataset mnist --data-root data --out mnist

"""
_COMPARE_EXAMPLES = """examples:
  vae-conformance compare before.json after.json
  vae-conformance compare reference.json submissions/*.json --html table.html

exit codes:
    0  no regression
    1  a claim that gates and held in the first report does not hold in another
    2  a file is no report, or an option is wrong
"""
_STORE_EXAMPLES = """examples:
  vae-conformance store
  vae-conformance store --store runs --prune 100
"""
_IMAGES = {"choices": values.IMAGE_DATASETS, "help": "what the image models are trained on (digits, which ship with the package)"}
"""The changes that `reproduce` makes to the option `dataset`."""


class _Parser(argparse.ArgumentParser):
    """A parser that reports an error in one line."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter, **settings)

    def error(self, message: str) -> NoReturn:
        """Write the error and exit with code 2."""
        sys.stderr.write(f"{self.prog}: {message}; see {self.prog} --help\n")
        raise SystemExit(int(ExitCode.UNBOUND))


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Parse the command line into `command` and only those of its options that were given.

    Raises:
        SystemExit: help or the version was asked for (0), or something is wrong (2).
    """
    return build_parser().parse_args(_with_ranges_joined(argv))


def build_parser() -> argparse.ArgumentParser:
    """Build the parser of all commands."""
    parser = _Parser(
        prog="vae-conformance",
        description="Checks an implementation of a variational autoencoder against claims.",
        epilog="example:\n  vae-conformance run student.py:VAE",
    )
    parser.add_argument("--version", action="version", version=f"vae-conformance {version('vae-conformance')}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=_Parser)
    _add_run(
        commands.add_parser(
            "run",
            help="ask the claims of an implementation",
            epilog=_RUN_EXAMPLES + _EXIT_CODES,
            description="Asks the claims of an implementation, and reports.",
        )
    )
    claims = commands.add_parser(
        "claims",
        help="list the claims, or explain one",
        description="Lists the claims, or explains one.",
        epilog="examples:\n  vae-conformance claims\n  vae-conformance claims KL-02",
    )
    claims.add_argument("claim", metavar="ID", nargs="?", type=checked(values.claim_id), help="the claim to explain")
    commands.add_parser(
        "list",
        help="list the registered implementations",
        epilog="example:\n  vae-conformance list",
        description="Lists the implementations that installed packages have registered.",
    )
    inspect = commands.add_parser(
        "inspect",
        help="show what is found of an implementation, and ask nothing",
        description="Loads and binds an implementation, and shows what was found.",
        epilog="example:\n  vae-conformance inspect student.py:VAE",
    )
    _add_reproduce(
        commands.add_parser(
            "reproduce",
            help="run the experiments of both teaching documents on the reference",
            description="Runs the experiments of both teaching documents on the reference, and writes a page, figures and numbers.",
            epilog=_REPRODUCE_EXAMPLES + _EXIT_CODES,
        )
    )
    _add_compare(
        commands.add_parser(
            "compare",
            help="compare reports that were written with --json",
            description="Lays reports side by side. The first is the baseline: what held there and gates must hold in the others.",
            epilog=_COMPARE_EXAMPLES,
        )
    )
    _add_store(
        commands.add_parser(
            "store",
            help="show what the store of trained runs holds, or prune it",
            description="Shows where trained runs are kept, how many there are and their size.",
            epilog=_STORE_EXAMPLES,
        )
    )
    _add_target(inspect)
    _add_options(inspect.add_argument_group(Group.DECLARED), Group.DECLARED)
    _option(inspect, "--json", "PATH", "write what was found as JSON", dest="json_path", type=Path)
    return parser


def _add_run(parser: argparse.ArgumentParser) -> None:
    _add_target(parser)
    for group in (Group.ASKED, Group.DECLARED, Group.COUNTS):
        _add_options(parser.add_argument_group(group), group)
    how = parser.add_argument_group(Group.HOW)
    _option(how, "-n", "N", "processes that ask claims (1 for exact, otherwise up to 2)", dest="workers", type=checked(values.workers))
    _add_options(how, Group.HOW)
    _option(how, "-v --verbose", None, "show every claim, and what it would have seen", dest="verbose", action="store_true")
    _option(how, "--json", "PATH", "write the report as JSON", dest="json_path", type=Path)
    _option(how, "--junit", "PATH", "write the report as JUnit XML", dest="junit_path", type=Path)
    _option(how, "--sarif", "PATH", "write the report as SARIF 2.1.0, for annotations beside the code", dest="sarif_path", type=Path)
    _option(how, "--markdown", "PATH", "write the report as Markdown, for a comment or a job's summary", dest="markdown_path", type=Path)
    _option(how, "--badge", "PATH", "write a badge as SVG", dest="badge_path", type=Path)
    _option(how, "--badge-json", "PATH", "write a badge as a shields.io endpoint's JSON", dest="badge_json_path", type=Path)
    _option(how, "--html", "PATH", "write the report as a page with figures, in one file", dest="html_path", type=Path)


def _add_reproduce(parser: argparse.ArgumentParser) -> None:
    for name in ("dataset", "data_root", "download", "seed", "store"):
        _add(parser, name, **(_IMAGES if name == "dataset" else {}))
    parser.add_argument("--out", metavar="DIR", type=Path, default=Path("reproduction"), help="the folder of the results (reproduction)")


def _add_store(parser: argparse.ArgumentParser) -> None:
    _add(parser, "store")
    explanation = f"delete the files used longest ago, so that so many megabytes remain ({values.STORED_MEGABYTES})"
    settings = {"nargs": "?", "const": values.STORED_MEGABYTES, "type": checked(values.megabytes)}
    _option(parser, "--prune", "MB", explanation, dest="prune", **settings)


def _add_compare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("reports", metavar="REPORT.json", type=Path, nargs="+", help="two reports or more, the baseline first")
    _option(parser, "--markdown", "PATH", "write the comparison as Markdown", dest="markdown_path", type=Path)
    _option(parser, "--html", "PATH", "write the comparison as a page", dest="html_path", type=Path)


def _add_target(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("target", metavar="TARGET", help=_TARGET)


def _add_options(section: argparse._ActionsContainer, group: Group) -> None:
    for option in OPTIONS.values():
        if option.group is group:
            _add(section, option.name)


def _add(section: argparse._ActionsContainer, name: str, **otherwise: Any) -> None:
    """Add an option of the table, with changes for this command."""
    section.add_argument(OPTIONS[name].flag, dest=name, **{**OPTIONS[name].argument, **otherwise})


def _option(group: argparse._ActionsContainer, names: str, metavar: str | None, explanation: str, **settings: Any) -> None:
    """Add an option, its spellings separated by blanks; it sets no attribute if it is not given."""
    if metavar is not None:
        settings["metavar"] = metavar
    group.add_argument(*names.split(), help=explanation, default=argparse.SUPPRESS, **settings)


def _with_ranges_joined(argv: Sequence[str]) -> list[str]:
    """Rewrite `--input-range -1,1` as `--input-range=-1,1`: argparse mistakes a value with a leading minus sign for an option."""
    joined: list[str] = []
    for word in argv:
        if joined and joined[-1] == "--input-range" and re.match(r"-[\d.]", word):
            joined[-1] = f"--input-range={word}"
        else:
            joined.append(word)
    return joined
