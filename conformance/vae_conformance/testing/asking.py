"""The pytest plugin object of one process of a test run: which claims it asks, and how verdicts become test results."""

from __future__ import annotations

from functools import cached_property

import pytest

from vae_conformance.config.options import RunOptions
from vae_conformance.errors import Unbound
from vae_conformance.exit_codes import gates
from vae_conformance.runner.run import Judge
from vae_conformance.runner.selection import in_asking_order, selected
from vae_conformance.runner.stages import stops_run
from vae_spec.claim import Claim
from vae_spec.outcomes import Outcome


class Asking:
    """A pytest plugin object, registered if the run names an implementation."""

    NAME = "vae-conformance-asking"

    def __init__(self, options: RunOptions) -> None:
        self.options = options

    @staticmethod
    def of(config: pytest.Config) -> Asking | None:
        """Return the plugin object of a test run; None if it names no implementation."""
        found: Asking | None = config.pluginmanager.get_plugin(Asking.NAME)
        return found

    @cached_property
    def _judge(self) -> Judge:
        return Judge(self.options)

    def claims(self) -> list[Claim]:
        """Return the claims of the run, in the order in which they are asked."""
        return in_asking_order(selected(self.options), self.options)

    def judge(self, claim_id: str, run: pytest.Session) -> None:
        """Evaluate one claim, and fail, skip or pass its test by the verdict."""
        try:
            verdict = self._judge.ask(claim_id)
        except Unbound as error:
            run.shouldstop = "the target cannot be bound"
            pytest.fail(f"{error.message}\n{error.hint}", pytrace=False)
        outcome, counts = verdict.outcome, gates(verdict.level, self.options.gate)
        if stops_run(verdict, self.options):
            run.shouldfail = f"{claim_id} is {outcome}"
        if outcome is Outcome.NOT_APPLICABLE:
            pytest.skip(verdict.message)
        if outcome is Outcome.HOLDS:
            return
        reason = self.options.expected_failures.get(claim_id)
        if reason is not None and outcome is Outcome.VIOLATED:
            pytest.xfail(reason)
        if counts or outcome is Outcome.ERROR:
            hint = f"\n{verdict.hint}" if verdict.hint else ""
            pytest.fail(f"{claim_id} {verdict.level} {outcome}\n{verdict.message}{hint}", pytrace=False)

    def pytest_sessionstart(self) -> None:
        """End the run at once if an option names an unknown claim."""
        try:
            selected(self.options)
        except Unbound as error:
            pytest.exit(f"{error.message}\n{error.hint}", returncode=2)
