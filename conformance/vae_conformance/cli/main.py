"""The command `vae-conformance`: a light parent process that parses the arguments, supervises worker processes, and reports.

It never imports PyTorch to run an implementation, so help and usage errors appear at once, and nothing that the
implementation does can affect it.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import entry_points
from io import TextIOWrapper
from pathlib import Path
from types import FrameType

from vae_conformance.cli.listing import render_binding, render_claim, render_claims, render_implementations
from vae_conformance.cli.parser import parse
from vae_conformance.cli.progress import Preloader, ProgressLine
from vae_conformance.comparing.command import compare_files
from vae_conformance.comparing.terminal import render_comparison
from vae_conformance.config.options import RunOptions, default_workers, read_words
from vae_conformance.config.pyproject import load_options
from vae_conformance.errors import Unbound
from vae_conformance.exit_codes import ExitCode
from vae_conformance.report.badge import render_badge, render_badge_json
from vae_conformance.report.console import console_for
from vae_conformance.report.files import refuse_unwritable, write_atomically
from vae_conformance.report.json_report import dump, implementation_document, render_json
from vae_conformance.report.junit import render_junit
from vae_conformance.report.markdown import render_markdown
from vae_conformance.report.sarif import render_sarif
from vae_conformance.report.terminal import render_terminal
from vae_conformance.runner.events import Event, Progress
from vae_conformance.runner.record import RunRecord
from vae_conformance.runner.run import Stopped, run_in_children
from vae_conformance.runner.worker_process import CommandOf, worker_command
from vae_conformance.target.spec import GROUP, parse_target


def main(argv: Sequence[str] | None = None, *, command_of: CommandOf = worker_command) -> int:
    """Run the command line and return its exit code.

    `argv` holds the arguments without the program's name, by default those of the process; tests replace `command_of`.
    """
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # print a question mark where the encoding lacks a character, such as σ
    arguments = parse(sys.argv[1:] if argv is None else argv)
    try:
        return int(_perform(arguments, command_of))
    except Unbound as error:
        _complain(". ".join(filter(None, (error.message, error.hint))))
        return int(ExitCode.UNBOUND)
    except KeyboardInterrupt:
        _complain("interrupted")
        return int(ExitCode.INTERRUPTED)
    except BrokenPipeError:
        # the reader, such as `head`, has exited; redirect what Python flushes at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return int(ExitCode.ERROR)


def _perform(arguments: argparse.Namespace, command_of: CommandOf) -> ExitCode:
    match arguments.command:
        case "run":
            return _run(arguments, command_of)
        case "inspect":
            return _inspect(arguments, command_of)
        case "reproduce":
            return _reproduce(arguments)
        case "compare":
            return _compare(arguments)
        case "store":
            return _store(arguments)
        case "claims":
            return _claims(arguments.claim)
        case _:
            return _list()


def _run(arguments: argparse.Namespace, command_of: CommandOf) -> ExitCode:
    writers = _writers(arguments)
    try:
        report = _report(arguments, command_of, inspect=False)
    except Stopped as stop:
        report = stop.record
    _say(render_terminal(report, console_for(sys.stdout), verbose=getattr(arguments, "verbose", False)))
    for path, render in writers.items():
        _write(path, render(report))
    return report.exit_code


def _inspect(arguments: argparse.Namespace, command_of: CommandOf) -> ExitCode:
    path: Path | None = getattr(arguments, "json_path", None)
    if path is not None:
        refuse_unwritable(path)
    report = _report(arguments, command_of, inspect=True)
    console = console_for(sys.stdout)
    if report.problem is not None or report.implementation is None:
        _say(render_terminal(report, console))
        return report.exit_code
    _say(render_binding(report.implementation, report.environment, console))
    if path is not None:
        _write(path, dump({"implementation": implementation_document(report), "environment": dict(report.environment)}))
    return ExitCode.CONFORMS


def _report(arguments: argparse.Namespace, command_of: CommandOf, *, inspect: bool) -> RunRecord:
    """Supervise the workers, show progress on standard error, and return the record."""
    options = load_options(parse_target(arguments.target), read_words(vars(arguments)), Path.cwd())
    workers = 1 if inspect else getattr(arguments, "workers", None) or default_workers(options.profile)
    progress = ProgressLine(sys.stderr, workers=workers, expected=options.expected_failures, verbose=getattr(arguments, "verbose", False))
    listeners: list[Callable[[Event], None]] = [progress, *([Preloader()] if hasattr(arguments, "html_path") else [])]

    def notify(event: Event) -> None:
        for listen in listeners:
            listen(event)

    previous = signal.signal(signal.SIGTERM, _terminated)
    try:
        return run_in_children(options, workers=workers, on_event=notify, command_of=command_of, inspect=inspect)
    finally:
        signal.signal(signal.SIGTERM, previous)
        progress.close()


def _reproduce(arguments: argparse.Namespace) -> ExitCode:
    """Run `reproduce` in this process, since it trains the project's own code."""
    from vae_conformance.reproduction.command import reproduce, summary  # noqa: PLC0415  imports PyTorch, and help must appear at once

    out: Path = arguments.out
    options = RunOptions(parse_target("reference"), **read_words(vars(arguments)))
    progress = ProgressLine(sys.stderr)
    previous = signal.signal(signal.SIGTERM, _terminated)
    try:
        done = reproduce(options, out, workers=default_workers("full"), say=lambda text: progress(Progress(text)))
    except OSError as error:
        raise Unbound(f"the results cannot be written to {out}: {error.strerror or error}", "name another folder with --out") from error
    finally:
        signal.signal(signal.SIGTERM, previous)
        progress.close()
    _say(summary(done, out))
    return done.code


def _compare(arguments: argparse.Namespace) -> ExitCode:
    written = {name: getattr(arguments, f"{name}_path", None) for name in ("markdown", "html")}
    comparison = compare_files(arguments.reports, **written)
    _say(render_comparison(comparison, console_for(sys.stdout)))
    return comparison.exit_code


def _store(arguments: argparse.Namespace) -> ExitCode:
    from vae_conformance.experiments.store import Store, default_folder  # noqa: PLC0415  imports NumPy, and help must appear at once

    folder = Path(getattr(arguments, "store", None) or default_folder())
    if not folder.is_dir():
        raise Unbound(f"there is no store at {folder}", "run makes it with the first training; --store names another folder")
    try:
        store = Store(folder)
        deleted = store.prune(arguments.prune) if hasattr(arguments, "prune") else None
        held = store.contents()
    except OSError as error:
        raise Unbound(f"the store {folder} cannot be used: {error.strerror or error}", "name another folder with --store") from error
    _say(f"{folder}: {held}\n" + ("" if deleted is None else f"deleted: {deleted}\n"))
    return ExitCode.CONFORMS


def _claims(claim: str | None) -> ExitCode:
    from vae_spec.registry import CLAIMS  # noqa: PLC0415  imports NumPy, and help must appear at once

    console = console_for(sys.stdout)
    if claim is None:
        _say(render_claims(CLAIMS, console))
    elif claim in CLAIMS:
        _say(render_claim(CLAIMS[claim], console))
    else:
        raise Unbound(f"there is no claim {claim}", "vae-conformance claims lists them all")
    return ExitCode.CONFORMS


def _list() -> ExitCode:
    entries = ((entry.name, entry.value) for entry in entry_points(group=GROUP))
    _say(render_implementations(entries, console_for(sys.stdout)))
    return ExitCode.CONFORMS


def _writers(arguments: argparse.Namespace) -> dict[Path, Callable[[RunRecord], str]]:
    """Return the requested reports by path, after checking that each path can be written."""
    asked = {
        "json_path": render_json,
        "junit_path": render_junit,
        "html_path": _html,
        "sarif_path": render_sarif,
        "markdown_path": render_markdown,
        "badge_path": render_badge,
        "badge_json_path": render_badge_json,
    }
    writers: dict[Path, Callable[[RunRecord], str]] = {
        getattr(arguments, name): render for name, render in asked.items() if hasattr(arguments, name)
    }
    for path in writers:
        refuse_unwritable(path)
    if len(writers) < sum(hasattr(arguments, name) for name in asked):
        raise Unbound("two reports would be written to the same file", "give each its own")
    return writers


def _html(report: RunRecord) -> str:
    from vae_conformance.report.html.page import render_html  # noqa: PLC0415  imports Jinja, and help must appear at once

    return render_html(report)


def _write(path: Path, text: str) -> None:
    try:
        write_atomically(path, text)
    except OSError as error:
        raise Unbound(f"the report cannot be written to {path}: {error.strerror}", "the verdicts are those printed above") from error


def _terminated(number: int, _frame: FrameType | None) -> None:
    """Exit as on Ctrl-C, so that no worker process is left behind, and the report says what came."""
    raise KeyboardInterrupt(signal.Signals(number).name)


def _say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def _complain(text: str) -> None:
    sys.stderr.write(f"vae-conformance: {' '.join(text.split())}\n")


if __name__ == "__main__":
    raise SystemExit(main())
