"""The Python interface: `check_vae` and the `Report` that it returns."""

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
from vae_conformance.exit_codes import ExitCode
from vae_conformance.implementation import Implementation
from vae_conformance.report.json_report import render_json
from vae_conformance.report.terminal import render_failures
from vae_conformance.runner.record import RunRecord
from vae_conformance.runner.run import Judge, run_in_children
from vae_conformance.runner.stages import ExactStage
from vae_conformance.target.spec import parse_target


class ConformanceError(AssertionError):
    """Raised by `Report.raise_for_violations` if an implementation does not conform, with the text of the terminal report.

    It is an `AssertionError`, so that test frameworks report a failure, not an error.
    """

    def __init__(self, text: str, report: Report) -> None:
        super().__init__(text)
        self.report = report


@dataclass(frozen=True)
class Report(RunRecord):
    """The result of a run, with conversions to JSON and HTML."""

    @classmethod
    def of(cls, record: RunRecord) -> Report:
        """Create the report of a record."""
        return cls(**{field.name: getattr(record, field.name) for field in fields(record)})

    def raise_for_violations(self) -> None:
        """Raise an error unless the run's exit code is 0.

        Raises:
            ConformanceError: a gating claim is violated or could not be decided, an expected failure passed, the implementation could not
                be judged, or the suite failed. Expected failures raise nothing.
        """
        __tracebackhide__ = True  # pytest shows the caller's line
        if self.exit_code is not ExitCode.CONFORMS:
            raise ConformanceError(render_failures(self), self)

    def to_json(self) -> str:
        """Return the report as JSON text, by the schema that ships with the package."""
        return render_json(self)

    def to_html(self) -> str:
        """Return the report as one HTML page with its figures."""
        from vae_conformance.report.html.page import render_html  # noqa: PLC0415  imports the template library

        return render_html(self)


class Options(TypedDict, total=False):
    """The options of the command line as keywords, with underscores.

    `vae-conformance run --help` explains them. A path may be a `Path`; `only` takes claims and areas as a sequence or as one string
    ("KL-02,REP"), and `expected_failures` maps each claim that may fail to the reason.
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
    keep_going: bool
    time_limit: float
    store: str | Path


def check_vae(target: object, *, fail_fast: bool = False, workers: int | None = None, **options: Unpack[Options]) -> Report:
    """Check an implementation against the claims, and return the report.

    Args:
        target: a target string or path as on the command line, which is loaded and judged in child processes, isolated from this one; or
            a class, a function that builds a model, or a model. Such an object is judged in this process, under the same time limits, but
            code that exits or crashes ends this process. Trained runs of an object are not kept beyond this process, and the training of
            a model is not judged, because it cannot be re-initialised.
        fail_fast: stop at the first violated gating claim.
        workers: the number of processes that ask claims of a target string; by default 1 for the exact profile, otherwise up to 2.
        options: see `Options`; for a target string, the `pyproject.toml` beside the implementation provides the defaults.

    Raises:
        ValueError: an option's value is invalid, or the configuration file is invalid.
        TypeError: there is no such option.
        KeyboardInterrupt: the user stopped it; unlike the command, it then gives no report.
    """
    try:
        chosen = replace(options_of(target, options), fail_fast=fail_fast)
        if isinstance(target, str | Path):
            return Report.of(run_in_children(chosen, workers=workers or default_workers(chosen.profile)))
        return _check_object(target, chosen)
    except Unbound as error:
        raise ValueError(". ".join(filter(None, (error.message, error.hint)))) from error


def _check_object(target: object, options: RunOptions) -> Report:
    from vae_conformance.runner.selection import in_asking_order, selected  # noqa: PLC0415  imports NumPy
    from vae_conformance.target.target import given_target  # noqa: PLC0415  imports torch

    started = monotonic()
    claims = selected(options)
    exact = ExactStage(claims, options)
    judge: Judge | None = None
    failure: Unbound | None = None
    try:
        judge = Judge(options, given_target(target, input_shape=options.input_shape))
        for claim in in_asking_order(claims, options):
            exact.note(judge.ask(claim.id, exact.fix_first))
            if exact.run_has_ended:
                break
    except Unbound as error:
        failure = error
    ids = (claim.id for claim in claims)
    return Report.of((judge or Judge(options)).report_on(*ids, not_bound=failure, duration_s=monotonic() - started))


def options_of(target: object, given: Mapping[str, Any]) -> RunOptions:
    """Return the options of a run on a target string or an object.

    For an object no configuration file is read, and its trained runs go to a temporary folder.

    Raises:
        Unbound: a value is invalid.
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
    """Return an object's name in reports: its target string, if that leads to this object."""
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
    """Validate keyword options like those of the command line, and return them by the names of `RunOptions`.

    Raises:
        Unbound: a value is invalid.
        TypeError: there is no such option.
    """
    known = sorted(Options.__optional_keys__)
    if unknown := [name for name in given if name not in known]:
        raise TypeError(f"there is no option {unknown[0]!r}; the options are {', '.join(known)}")
    table = {OPTIONS[name].key: value for name, value in given.items()}
    return read_table(table, "the option", tuple(table), Path.cwd())
