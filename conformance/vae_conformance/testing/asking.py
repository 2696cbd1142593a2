"""The pytest plugin object of one process of a run: which claims it asks, in which order, and how verdicts become test results."""

from __future__ import annotations

import time
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from vae_conformance.config.options import RunOptions
from vae_conformance.errors import Unbound
from vae_conformance.exit_codes import gates
from vae_conformance.runner.events import ClaimVerdict, Event, EventFile, Finished, Lost, NotBound, Promised, Started
from vae_conformance.runner.run_state import Limits
from vae_conformance.runner.stages import ExactStage, stops_run
from vae_spec.outcomes import Outcome

if TYPE_CHECKING:
    from vae_conformance.runner.session import Session
    from vae_spec.claim import Claim


class Asking:
    """A pytest plugin object, registered if the run names an implementation."""

    NAME = "vae-conformance-asking"

    def __init__(self, config: pytest.Config, options: RunOptions) -> None:
        self.config = config
        self.options = options
        path = config.getoption("--vae-events")
        self._events = EventFile(Path(path)) if path else None

    @staticmethod
    def of(config: pytest.Config) -> Asking | None:
        """Return the plugin object of a test run; None if it names no implementation."""
        found: Asking | None = config.pluginmanager.get_plugin(Asking.NAME)
        return found

    def emit(self, event: Event) -> None:
        """Send an event to the parent process, if there is one."""
        if self._events is not None:
            self._events.append(event)

    @cached_property
    def session(self) -> Session:
        """The bound subject and its laboratory."""
        from vae_conformance.runner.session import Session  # noqa: PLC0415  imports torch

        return Session(self.options, self.emit)

    def selected(self) -> tuple[Claim, ...]:
        """Return the claims that the run asks.

        Raises:
            Unbound: the options name an unknown claim.
        """
        from vae_conformance.runner.selection import selected  # noqa: PLC0415  imports torch

        return selected(self.options)

    def undecided(self) -> list[Claim]:
        """Return the claims that are not decided yet, in the order in which they are asked."""
        from vae_conformance.runner.selection import in_asking_order  # noqa: PLC0415  imports torch

        skipped = self._listed("--vae-skip")
        return in_asking_order((claim for claim in self.selected() if claim.id not in skipped), self.options)

    def _listed(self, option: str) -> frozenset[str]:
        return frozenset(self.config.getoption(option).split(","))

    @cached_property
    def _exact(self) -> ExactStage:
        """The exact claims on which it depends whether trained ones are asked."""
        return ExactStage(self.selected(), self.options, self._listed("--vae-skip"), self._listed("--vae-fix-first"))

    def _fix_first(self, claim_id: str, run: pytest.Session) -> tuple[str, ...]:
        """Return the violated claims that keep a claim from being asked, once they are known: other processes may still decide some."""
        from vae_spec.registry import CLAIMS  # noqa: PLC0415  imports torch

        if self._events is None or not CLAIMS[claim_id].trained:
            return ()
        self._exact.wait(self._events, Limits.of(self.options).claim)
        if self._exact.run_has_ended:
            run.shouldstop = "the run has ended in another process"
            pytest.skip(str(run.shouldstop))
        return self._exact.fix_first

    def judge(self, claim_id: str, run: pytest.Session) -> None:
        """Evaluate one claim, and fail, skip or pass its test by the verdict."""
        started = time.perf_counter()
        try:
            self.session.bind()
            fix_first = self._fix_first(claim_id, run)
            self.emit(Started(claim_id))
            verdict = self.session.verdict(claim_id, fix_first)
        except Unbound as error:
            self.emit(NotBound(error.message, error.hint))
            run.shouldstop = "the target cannot be bound"
            pytest.fail(f"{error.message}\n{error.hint}", pytrace=False)
        record = self.session.record(claim_id, verdict, time.perf_counter() - started)
        self.emit(record)
        self._conclude(record, run)

    def _conclude(self, verdict: ClaimVerdict, run: pytest.Session) -> None:
        claim, outcome, counts = verdict.claim, verdict.outcome, gates(verdict.level, self.options.gate)
        if stops_run(verdict, self.options):
            run.shouldfail = f"{claim} is {outcome}"
        if outcome in {Outcome.NOT_APPLICABLE, Outcome.NOT_ASKED}:
            pytest.skip(verdict.message)
        if outcome is Outcome.HOLDS:
            return
        reason = self.options.expected_failures.get(claim)
        if reason is not None and outcome is Outcome.VIOLATED:
            pytest.xfail(reason)
        if counts or outcome is Outcome.ERROR:
            hint = f"\n{verdict.hint}" if verdict.hint else ""
            pytest.fail(f"{claim} {verdict.level} {outcome}\n{verdict.message}{hint}", pytrace=False)

    def pytest_sessionstart(self) -> None:
        """Emit the claims that this run asks, or why the options are invalid."""
        if self._distributes and not self.options.only and not self.options.expected_failures:
            return  # no option can be invalid, so this process need not repeat the imports of its workers
        try:
            chosen = self.selected()
            if self.config.getoption("--vae-inspect"):
                self.session.bind()
        except Unbound as error:
            self.emit(NotBound(error.message, error.hint))
            pytest.exit(f"{error.message}\n{error.hint}", returncode=2)
        if self.config.getoption("--vae-inspect"):
            self.emit(Finished())
            pytest.exit("inspected", returncode=0)
        if not self._distributes and self._emits_for_all:
            self.emit(Promised(tuple(claim.id for claim in chosen)))

    @property
    def _distributes(self) -> bool:
        """Whether this process only distributes tests to workers of pytest-xdist."""
        return str(self.config.getoption("dist", "no")) != "no" and not hasattr(self.config, "workerinput")

    @property
    def _emits_for_all(self) -> bool:
        """Whether this is the only process, or the first worker, which emits for all workers."""
        return bool(getattr(self.config, "workerinput", {"workerid": "gw0"})["workerid"] == "gw0")

    @pytest.hookimpl(optionalhook=True)
    def pytest_handlecrashitem(self, crashitem: str) -> None:
        """Emit the claim whose test ended a worker of pytest-xdist."""
        self.emit(Lost(crashitem.rpartition("[")[2].rstrip("]")))

    def pytest_sessionfinish(self, exitstatus: int) -> None:
        """Emit that all promised claims have been asked."""
        if hasattr(self.config, "workerinput"):
            return
        complete = exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED)
        if complete or (exitstatus == pytest.ExitCode.INTERRUPTED and self.options.fail_fast):
            self.emit(Finished())
