"""The child process that runs the suite: its command line, its log, and its end."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import msgspec

from vae_conformance.config.options import RunOptions

_FILE = "assignment.json"


@dataclass(frozen=True)
class Assignment:
    """The task of one child.

    The child's own folder holds this assignment, its events and its log; `skip` are the claims that earlier children have decided,
    `fix_first` those of them whose violation keeps claims on training from being asked.
    """

    options: RunOptions
    folder: Path
    workers: int = 1
    skip: tuple[str, ...] = ()
    fix_first: tuple[str, ...] = ()
    inspect: bool = False

    @property
    def events(self) -> Path:
        """The file that the child appends its events to."""
        return self.folder / "events.jsonl"

    @property
    def log(self) -> Path:
        """The file of the child's standard output and error."""
        return self.folder / "log.txt"

    def write(self) -> None:
        """Write the assignment into its folder."""
        (self.folder / _FILE).write_text(json.dumps(msgspec.to_builtins(self, enc_hook=str)), encoding="utf-8")

    @staticmethod
    def read(folder: Path) -> Assignment:
        """Read the assignment that `write` wrote."""
        document = json.loads((folder / _FILE).read_text(encoding="utf-8"))
        return msgspec.convert(document, Assignment, dec_hook=lambda kind, value: kind(value))


CommandOf = Callable[[Assignment], list[str]]


def worker_command(assignment: Assignment) -> list[str]:
    """Write an assignment into its folder, and return the command of the child that does it.

    `-P` keeps the current folder off the module path: a file random.py in it would otherwise shadow the standard library's.
    """
    assignment.write()
    return [sys.executable, "-P", "-m", "vae_conformance.runner", str(assignment.folder)]


class Child:
    """A started child, the leader of its own process group.

    Use it as a context manager: on exit, the remaining processes of the group are killed.
    """

    def __init__(self, assignment: Assignment, command: list[str]) -> None:
        self._log = assignment.log
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603  the command is built in this module and runs without a shell
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.kill()

    def ended(self, within_s: float) -> bool:
        """Wait up to `within_s` seconds for the child to end, and return whether it has."""
        try:
            self._process.wait(timeout=within_s)
        except subprocess.TimeoutExpired:
            return False
        return True

    def kill(self) -> None:
        """Kill the child and all processes in its group."""
        if sys.platform == "win32":
            self._process.kill()
        else:
            with contextlib.suppress(ProcessLookupError, PermissionError):  # the group may already be empty
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    @property
    def status(self) -> str:
        """How it ended, in words: "exit status 3" or "signal 11, Segmentation fault"."""
        code = self._process.returncode
        if code is None:
            return "still running"
        return f"exit status {code}" if code >= 0 else f"signal {-code}, {signal.strsignal(-code) or 'unknown'}"

    @property
    def killed_by_signal(self) -> bool:
        """Whether a signal ended it, such as a segmentation fault."""
        return self._process.returncode is not None and self._process.returncode < 0

    def log_text(self) -> str:
        """Return the full log."""
        return self._log.read_text(encoding="utf-8", errors="replace")
