"""The child process that runs the suite: its command line, its log, and its end."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from vae_conformance.config.options import RunOptions

_PYTEST_VARIABLES = ("PYTEST_ADDOPTS", "PYTEST_PLUGINS", "PYTEST_DISABLE_PLUGIN_AUTOLOAD", "PYTEST_CURRENT_TEST")


@dataclass(frozen=True)
class Assignment:
    """The task of one child.

    The child's own folder holds its events, its log and an empty configuration; `skip` are the claims that earlier children have decided,
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


CommandOf = Callable[[Assignment], list[str]]


def pytest_command(assignment: Assignment) -> list[str]:
    """Return the command that runs the suite under pytest, ignoring the user's pytest configuration and cache.

    `-P` keeps the current folder off the module path: a file random.py in it would otherwise shadow the standard library's.
    """
    settings = assignment.folder / "empty.ini"
    settings.write_text("[pytest]\n", encoding="utf-8")
    command = [sys.executable, "-P", "-m", "pytest", "--pyargs", "vae_conformance.testing.suite"]
    command += ["--vae-options", assignment.options.to_json(), "--vae-events", str(assignment.events)]
    if assignment.skip:
        command += ["--vae-skip", ",".join(assignment.skip), "--vae-fix-first", ",".join(assignment.fix_first)]
    if assignment.inspect:
        command += ["--vae-inspect"]
    # pytest-randomly, if installed, would shuffle the claims and set its own seeds
    command += ["-p", "no:cacheprovider", "-p", "no:randomly", "-q", "--no-header", "--assert=plain"]
    command += ["-c", str(settings), "--rootdir", str(assignment.folder)]
    if assignment.workers > 1:
        command += ["-n", str(assignment.workers), "--dist", "load", "--maxschedchunk", "1"]
    return command


class Child:
    """A started child, the leader of its own process group.

    Use it as a context manager: on exit, the remaining processes of the group are killed.
    """

    def __init__(self, assignment: Assignment, command: list[str]) -> None:
        self._log = assignment.log
        environment = {name: value for name, value in os.environ.items() if name not in _PYTEST_VARIABLES}
        # Hypothesis' pytest plugin creates a folder, by default in the user's current one.
        environment["HYPOTHESIS_STORAGE_DIRECTORY"] = str(assignment.log.parent / "hypothesis")
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603  the command is built in this module and runs without a shell
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
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
