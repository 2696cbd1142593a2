"""What Python's users call: `check_vae`, a run as a function, and the `Report` that it gives."""

from __future__ import annotations

import atexit
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from operator import attrgetter
from pathlib import Path
from time import monotonic
from typing import Any, TypedDict, Unpack

from vae_conformance.config.options import OPTIONS, RunOptions, default_workers
from vae_conformance.config.pyproject import load_options, read_table
from vae_conformance.config.target_spec import TargetKind, TargetSpec
from vae_conformance.errors import Unbound
from vae_conformance.exit_codes import ExitCode, gates
from vae_conformance.implementation import Implementation
from vae_conformance.report.json_report import render_json
from vae_conformance.report.terminal import render_failures
from vae_conformance.runner.record import RunRecord
from vae_conformance.runner.run import Judge, run_in_children
from vae_conformance.target.spec import parse_target
from vae_spec.diagnosis import nearness
from vae_spec.outcomes import Outcome


class ConformanceError(AssertionError):
    """An implementation does not conform: what `Report.raise_for_violations` raises. Its text is what the terminal would show.

    An `AssertionError`, so that a test that raises it has failed and is not broken.

    Attributes:
        report: the report of the run.
    """

    def __init__(self, text: str, report: Report) -> None:
        super().__init__(text)
        self.report = report


@dataclass(frozen=True)
class Report(RunRecord):
    """The record of a run, and what is done with it from Python."""

    @classmethod
    def of(cls, record: RunRecord) -> Report:
        """The report of a record."""
        return cls(**{field.name: getattr(record, field.name) for field in fields(record)})

    def raise_for_violations(self) -> None:
        """Nothing, where the run's exit code is 0.

        Raises:
            ConformanceError: it is not: a claim that gates is violated or could not be decided, an expected failure passed, the
                implementation could not be judged, or the suite failed. What is listed as an expected failure raises nothing.
        """
        __tracebackhide__ = True  # pytest shows the line that asked
        if self.exit_code is not ExitCode.CONFORMS:
            raise ConformanceError(render_failures(self), self)

    def to_json(self) -> str:
        """The report as JSON text, by the schema that ships with the package."""
        return render_json(self)

    def to_html(self) -> str:
        """The report as one page of HTML with its figures."""
        from vae_conformance.report.html.page import render_html  # noqa: PLC0415  the templates' library comes with it

        return render_html(self)


class Options(TypedDict, total=False):
    """The options of the command line, by name, with underscores.

    What each means its help says: `vae-conformance run --help`. A path may be a `Path`; `only` takes claims and areas as a sequence or
    in one text ("KL-02,REP"), and `expected_failures` gives the reason of each claim that may fail.
    """

    profile: str
    only: str | Sequence[str]
    dataset: str
    data: str | Path
    data_root: str | Path
    download: bool
    seed: int
    effective_beta: float
    likelihood: str
    objective: str
    decoder: str
    loss: str
    second_head: str
    input_shape: int | Sequence[int] | str
    input_range: Sequence[float] | str
    weights: str | Path
    device: str
    gate: str
    expected_failures: Mapping[str, str]
    require_parts: bool
    time_limit: float
    store: str | Path


def check_vae(target: object, *, fail_fast: bool = False, workers: int | None = None, **options: Unpack[Options]) -> Report:
    """Ask the claims of an implementation, and give the report.

    Args:
        target: as a text (or path) what the command line takes: that is loaded and judged in a process of its own, whatever its code
            does. Or a class, a function that builds a model, or a model: that very object is judged in this process, under the same time
            limits, but what ends or crashes the process ends this one. Trained runs of an object are kept for this process alone, and a
            model's training is not judged, because it cannot be initialised anew.
        fail_fast: stop at the first violated claim that gates.
        workers: processes that ask claims, where the target is a text; by default 1 for the exact profile, otherwise up to 2.
        options: see `Options`; those of the `pyproject.toml` beside the implementation are the defaults where the target is a text.

    Raises:
        ValueError: an option's value is not what it must be, or the configuration file is not in order.
        TypeError: there is no such option.
    """
    try:
        chosen = replace(options_of(target, options), fail_fast=fail_fast)
        if isinstance(target, str | Path):
            return Report.of(run_in_children(chosen, workers=workers or default_workers(chosen.profile)))
        return _check_object(target, chosen)
    except Unbound as error:
        raise ValueError(". ".join(filter(None, (error.message, error.hint)))) from error


def _check_object(target: object, options: RunOptions) -> Report:
    from vae_conformance.runner.selection import selected  # noqa: PLC0415  imports torch
    from vae_conformance.target.target import given_target  # noqa: PLC0415  imports torch

    started = monotonic()
    claims = [claim.id for claim in selected(options)]
    if options.fail_fast:
        # As the command does: those nearest to the cause first, for they name the mistake.
        claims.sort(key=nearness)
    judge: Judge | None = None
    failure: Unbound | None = None
    try:
        judge = Judge(options, given_target(target, input_shape=options.input_shape))
        for claim in claims:
            verdict = judge.ask(claim)
            violated = verdict.outcome is Outcome.VIOLATED and claim not in options.expected_failures
            if options.fail_fast and violated and gates(verdict.level, options.gate):
                break
    except Unbound as error:
        failure = error
    return Report.of((judge or Judge(options)).report_on(*claims, not_bound=failure, duration_s=monotonic() - started))


def options_of(target: object, given: Mapping[str, Any]) -> RunOptions:
    """The options of a run on what is named, or on an object.

    No configuration file speaks of an object, and its trained runs go where nobody else looks.

    Raises:
        Unbound: a value is not what it must be.
        TypeError: there is no such option.
    """
    read = read_options(given)
    if isinstance(target, str | Path):
        return load_options(parse_target(str(target)), read, Path.cwd())
    if "store" in read:
        raise Unbound("an object's trained runs cannot be stored: nothing tells them from another's", "name the target as a text instead")
    folder = tempfile.mkdtemp(prefix="vae-conformance-runs-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    options = RunOptions(TargetSpec(_name(target), TargetKind.OBJECT), **read, store=folder)
    return replace(options, training_time_limit=max(options.training_time_limit, options.time_limit))


def _name(target: object) -> str:
    """How reports call an object: as the command line would, where that leads to it."""
    if isinstance(target, Implementation):
        return f"{target.name or _name(target.build)}, by an Implementation record"
    owner = target if hasattr(target, "__qualname__") else getattr(target, "func", type(target))
    module, name = str(getattr(owner, "__module__", "")), str(getattr(owner, "__qualname__", type(target).__qualname__))
    try:
        reached = attrgetter(name)(sys.modules[module])
    except (KeyError, AttributeError):
        reached = None
    return f"{module}:{name}" if reached is target else f"{name.rpartition('<locals>.')[2]}, an object of {module}"


def read_options(given: Mapping[str, Any]) -> dict[str, Any]:
    """Options given by name, checked as the command line's are, by the names of `RunOptions`.

    Raises:
        Unbound: a value is not what it must be.
        TypeError: there is no such option.
    """
    known = sorted(Options.__optional_keys__)
    if unknown := [name for name in given if name not in known]:
        raise TypeError(f"there is no option {unknown[0]!r}; the options are {', '.join(known)}")
    table = {OPTIONS[name].key: value for name, value in given.items()}
    return read_table(table, "the option", tuple(table), Path.cwd())
