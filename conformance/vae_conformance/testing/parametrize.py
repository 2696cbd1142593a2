"""`parametrize_with_claims`: each claim as a test in the user's own test suite."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Unpack

import pytest

from vae_conformance.api import ConformanceError, Options, Report, options_of
from vae_conformance.config.options import RunOptions
from vae_conformance.errors import Unbound
from vae_conformance.exit_codes import gates
from vae_conformance.runner.run import Judge
from vae_conformance.runner.selection import selected
from vae_spec.outcomes import Outcome


class _Shared:
    """The implementation shared by all claims of one decorator; it is loaded and bound when its first claim is asked."""

    def __init__(self, options: RunOptions, given: object | None) -> None:
        self.options = options
        self._given = given
        self._judge: Judge | None = None

    def judge(self) -> Judge:
        """Return the judge; raises `Unbound` if the object cannot be judged."""
        if self._judge is None:
            from vae_conformance.target.target import given_target  # noqa: PLC0415  imports torch

            shape = self.options.input_shape
            self._judge = Judge(self.options, None if self._given is None else given_target(self._given, input_shape=shape))
        return self._judge


@dataclass(frozen=True)
class ClaimCheck:
    """A test that evaluates one claim when called, and passes, skips or fails by its verdict.

    Attributes:
        claim_id: the claim's id.
        title: the claim's title.
    """

    claim_id: str
    title: str
    _shared: _Shared

    def __call__(self) -> None:
        """Evaluate the claim.

        Raises:
            ConformanceError: the claim is violated; its text is the claim's block in the terminal report.
        """
        __tracebackhide__ = True
        options = self._shared.options
        try:
            judge = self._shared.judge()
            verdict = judge.ask(self.claim_id)
        except Unbound as error:
            pytest.fail("\n".join(filter(None, (error.message, error.hint))), pytrace=False)
        if verdict.outcome is Outcome.HOLDS:
            return
        if verdict.outcome is Outcome.NOT_APPLICABLE:
            pytest.skip(verdict.message)
        if verdict.outcome is not Outcome.ERROR and not gates(verdict.level, options.gate):
            pytest.skip(f"{verdict.outcome}, but does not gate: {verdict.message}")
        # pytest handles expected failures by its xfail mark, so here they are violations like any other.
        report = Report.of(judge.report_on(self.claim_id, options=replace(options, expected_failures={})))
        try:
            report.raise_for_violations()
        except ConformanceError as error:
            if verdict.outcome is Outcome.VIOLATED:
                raise
            pytest.fail(str(error), pytrace=False)

    def __repr__(self) -> str:
        """Return the text for pytest's messages."""
        return f"<check {self.claim_id}: {self.title}>"


def parametrize_with_claims(target: object, **options: Unpack[Options]) -> pytest.MarkDecorator:
    """Return a decorator that creates one test per claim; the test calls its argument `check` without arguments, and its id is the claim's.

    A violated claim fails its test. A claim that does not apply, or that is violated but does not gate, is skipped with the reason. An
    expected failure is a strict xfail with its reason: the claim must be violated. An undecided claim fails, even if it is an expected
    failure. The implementation is loaded and bound once, in this process, when its first test runs.

    Args:
        target: a target string or path as on the command line, a class, a function that builds a model, or a model.
        options: see `vae_conformance.api.Options`; the default profile is exact.

    Raises:
        ValueError: an option's value is invalid, there is no such claim, or the configuration file is invalid.
        TypeError: there is no such option.
    """
    try:
        chosen = options_of(target, {"profile": "exact", **options})
        claims = selected(chosen)
    except Unbound as error:
        raise ValueError(". ".join(filter(None, (error.message, error.hint)))) from error
    shared = _Shared(chosen, None if isinstance(target, str | Path) else target)
    return pytest.mark.parametrize(
        "check",
        [
            pytest.param(ClaimCheck(claim.id, claim.title, shared), id=claim.id, marks=_marks(chosen.expected_failures.get(claim.id)))
            for claim in claims
        ],
    )


def _marks(reason: str | None) -> list[pytest.MarkDecorator]:
    return [] if reason is None else [pytest.mark.xfail(reason=reason, raises=ConformanceError, strict=True)]
