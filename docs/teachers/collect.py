"""Ask a folder of submissions and gather what was found: python collect.py submissions marks.csv [--name VAE] [options of `run`].

A submission is a Python file or a notebook in the folder, or the one file of that kind in a folder of its own; `--name` is the class
that the exercise asks for, in all of them. Each gets a report `reports/NAME.json` beside the table. A report that is there already is
kept, so that a run that was interrupted goes on: take the folder `reports` away to begin anew.
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

MINUTES = 10
"""What one submission may take in all; the claims' own limits are far below."""
KINDS = (".py", ".ipynb")


@dataclass(frozen=True)
class Row:
    """One line of the table: what a submission's report says, in a few words."""

    submission: str
    verdict: str
    exit_code: int
    required_held: int = 0
    required_asked: int = 0
    expected_held: int = 0
    expected_asked: int = 0
    violated: str = ""
    undecided: str = ""
    likely_mistakes: str = ""
    problem: str = ""


def submissions(folder: Path) -> dict[str, Path]:
    """Each submission's file, by name.

    Raises:
        SystemExit: a folder holds several files, or two submissions have one name: nobody can tell which of them is meant.
    """
    found: dict[str, Path] = {}
    for name, file in _files(folder):
        if name in found:
            raise SystemExit(f"{found[name]} and {file} would both be called {name}: rename one")
        found[name] = file
    return found


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    for entry in sorted(folder.iterdir()):
        if entry.is_file() and entry.suffix in KINDS:
            yield entry.stem, entry
        elif entry.is_dir() and not entry.name.startswith((".", "_")):
            files = [file for file in sorted(entry.iterdir()) if file.suffix in KINDS]
            if len(files) > 1:
                raise SystemExit(f"{entry} holds {', '.join(file.name for file in files)}: leave one, or give each a folder of its own")
            yield from ((entry.name, file) for file in files)


def ask(target: str, report: Path, options: Sequence[str]) -> tuple[int, str]:
    """Run the command on one target; its exit code, and what it complained of where it wrote no report."""
    command = [sys.executable, "-m", "vae_conformance.cli", "run", target, "--json", str(report), *options]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        _, complaint = process.communicate(timeout=60 * MINUTES)
    except subprocess.TimeoutExpired:
        process.terminate()  # the command then ends what it had started
        process.communicate()
        return 1, f"not done after {MINUTES} minutes"
    return process.returncode, complaint.strip().splitlines()[-1] if complaint.strip() else ""


def row(name: str, code: int, complaint: str, report: Path) -> Row:
    """What a report says, in one line."""
    if not report.is_file():
        return Row(name, "no report", code, problem=complaint)
    said = json.loads(report.read_text(encoding="utf-8"))
    claims = said["claims"]

    def count(level: str, *outcomes: str) -> int:
        return sum(claim["level"] == level and claim["outcome"] in outcomes for claim in claims)

    def ids(outcome: str) -> str:
        return " ".join(claim["id"] for claim in claims if claim["outcome"] == outcome and claim["gates"])

    asked = ("holds", "violated", "inconclusive", "expected-failure", "unexpected-pass")
    return Row(
        name,
        said["verdict"],
        said["exit_code"],
        count("required", "holds"),
        count("required", *asked),
        count("expected", "holds"),
        count("expected", *asked),
        ids("violated"),
        ids("inconclusive"),
        " ".join(one["mistake"] for one in said["diagnoses"]),
        _problem(said),
    )


def _whole(report: Path) -> bool:
    """Whether there is a report already that is not of a run that was stopped."""
    return report.is_file() and json.loads(report.read_text(encoding="utf-8"))["verdict"] != "interrupted"


def _problem(said: dict[str, Any]) -> str:
    if said["verdict"] == "interrupted":
        return str(said["words"])
    return " ".join(said["problem"]["message"].split()) if said["problem"] else ""


def main(folder: Path, table: Path, name_of_class: str, options: Sequence[str]) -> None:
    """Ask every submission that has no report yet, and write the table."""
    reports = table.parent / "reports"
    reports.mkdir(parents=True, exist_ok=True)
    rows = []
    for name, file in submissions(folder).items():
        report = reports / f"{name}.json"
        code, complaint = (0, "") if _whole(report) else ask(f"{file}:{name_of_class}".rstrip(":"), report, options)
        rows.append(row(name, code, complaint, report))
        sys.stderr.write(f"{name}: {rows[-1].verdict}\n")
    with table.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.DictWriter(lines, [field.name for field in fields(Row)])
        writer.writeheader()
        writer.writerows(asdict(one) for one in rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Ask a folder of submissions, and write a table.", allow_abbrev=False)
    parser.add_argument("folder", type=Path, help="the submissions")
    parser.add_argument("table", type=Path, help="the CSV file to write")
    parser.add_argument("--name", default="", help="the class that the exercise asks for; without it each file must leave no doubt")
    given, others = parser.parse_known_args()
    main(given.folder, given.table, given.name, others)
