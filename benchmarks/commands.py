"""Measure whole commands in imports of PyTorch, for this interpreter and, side by side, for that of another environment.

    python benchmarks/commands.py [--baseline PYTHON] [--rounds N] [--trained] [--json FILE]

A row is one command: the CPU seconds of all its processes, divided by those of `import torch` of the same environment in the same
round, as minimum and median over the rounds; and the memory of its largest process. Interpreters take turns, so that other load on the
machine affects both alike. To compare two commits, install the other one in a virtual environment of its own and name its `python`.

Without --trained, only commands without trainings are measured.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parent.parent
CATALOGUE = ROOT / "tests" / "catalogue"
COMMAND = ("-m", "vae_conformance.cli")
MEASURE = """
import json, resource, subprocess, sys
code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([code, used.ru_utime + used.ru_stime, used.ru_maxrss / 1e3]))
"""
"""Runs a command in a process of its own, whose only children are those of the command."""


@dataclass(frozen=True)
class Case:
    """A command, after the interpreter, and the exit codes that it may have. `{folder}` stands for a folder that a round begins empty."""

    name: str
    words: tuple[str, ...]
    codes: tuple[int, ...] = (0,)


@dataclass(frozen=True)
class Row:
    """The CPU time of a case in imports of PyTorch, and the megabytes (10^6 bytes) of its largest process."""

    case: str
    interpreter: str
    least: float
    median: float
    megabytes: float


TORCH = Case("import torch", ("-c", "import torch"))
UNTRAINED = (
    Case("--help", (*COMMAND, "--help")),
    Case("list", (*COMMAND, "list")),
    Case("claims", (*COMMAND, "claims")),
    Case("claims KL-03", (*COMMAND, "claims", "KL-03")),
    Case("store", (*COMMAND, "store", "--store", "{folder}")),
    Case("inspect reference", (*COMMAND, "inspect", "reference")),
    Case("run reference --profile exact", (*COMMAND, "run", "reference", "--profile", "exact", "--json", "{folder}/exact.json")),
    Case("compare", (*COMMAND, "compare", "{folder}/exact.json", "{folder}/exact.json")),
    Case("a file that cannot be parsed", (*COMMAND, "run", "{folder}/unparsed.py", "--profile", "exact"), (2,)),
    Case("a mistake, exact", (*COMMAND, "run", str(CATALOGUE / "broken" / "std-no-half.py"), "--profile", "exact"), (1,)),
)
TRAINED = (
    Case("run reference", (*COMMAND, "run", "reference", "--store", "{folder}/runs")),
    Case("run reference, again", (*COMMAND, "run", "reference", "--store", "{folder}/runs")),
    Case("a mistake", (*COMMAND, "run", str(CATALOGUE / "broken" / "std-no-half.py"), "--store", "{folder}/runs"), (1,)),
    Case("convolutional", (*COMMAND, "run", str(CATALOGUE / "sound" / "convolutional.py"), "--store", "{folder}/runs")),
)


def measure(interpreter: str, case: Case, folder: Path) -> tuple[float, float]:
    """Run a case once; return the CPU seconds of all its processes, and the megabytes of the largest.

    Raises:
        SystemExit: it ended with another exit code than it should.
    """
    words = [interpreter, *(word.replace("{folder}", str(folder)) for word in case.words)]
    as_installed = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}  # modules are compiled once, not by every command
    done = subprocess.run([sys.executable, "-c", MEASURE, *words], capture_output=True, text=True, check=True, env=as_installed)
    code, seconds, megabytes = json.loads(done.stdout)
    if code not in case.codes:
        raise SystemExit(f"{case.name} ended with exit code {code} under {interpreter}: {' '.join(words)}")
    return seconds, megabytes


def compare(interpreters: Sequence[str], cases: Sequence[Case], rounds: int) -> list[Row]:
    """Measure each case `rounds` times under each interpreter in turn, and return its costs by case."""
    ratios: dict[tuple[str, str], list[float]] = {}
    largest: dict[tuple[str, str], float] = {}
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as name:
            folders = {interpreter: Path(name) / str(number) for number, interpreter in enumerate(interpreters)}
            units = {}
            for interpreter, folder in folders.items():
                folder.mkdir()
                (folder / "unparsed.py").write_text("class VAE(:\n", encoding="utf-8")
                units[interpreter] = min(measure(interpreter, TORCH, folder)[0] for _ in range(3))
            for case in cases:
                for interpreter, folder in folders.items():
                    seconds, megabytes = measure(interpreter, case, folder)
                    key = case.name, interpreter
                    ratios.setdefault(key, []).append(seconds / units[interpreter])
                    largest[key] = max(largest.get(key, 0.0), megabytes)
    return [Row(case, interpreter, min(found), median(found), largest[case, interpreter]) for (case, interpreter), found in ratios.items()]


def main() -> None:
    """Print the table, and write it as JSON if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--baseline", metavar="PYTHON", help="the interpreter of another environment, with another commit installed")
    parser.add_argument("--rounds", type=int, default=3, help="how often each command is measured (3)")
    parser.add_argument("--trained", action="store_true", help="measure the commands with trainings too")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the table as JSON")
    arguments = parser.parse_args()
    interpreters = [sys.executable, *([arguments.baseline] if arguments.baseline else [])]
    rows = compare(interpreters, (*UNTRAINED, *(TRAINED if arguments.trained else ())), arguments.rounds)
    names = dict(zip(interpreters, ("this", "baseline"), strict=False))
    print(f"{'command':32}{'environment':13}{'least':>8}{'median':>8}{'MB':>7}   in imports of PyTorch")
    for row in rows:
        print(f"{row.case:32}{names[row.interpreter]:13}{row.least:8.2f}{row.median:8.2f}{row.megabytes:7.0f}")
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
