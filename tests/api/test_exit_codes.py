"""The table of exit codes, and which outcome wins."""

from __future__ import annotations

import pytest

from vae_conformance.exit_codes import ExitCode, Standing, exit_code, gates
from vae_spec.outcomes import Level, Outcome

R, X, INFO = Level.REQUIRED, Level.EXPECTED, Level.INFORMATIONAL


def code(*standings: tuple[Level, Outcome], gate: str = "expected", missing: int = 0, **flags: bool) -> ExitCode:
    claims = {f"KL-{n:02}": Standing(*standing) for n, standing in enumerate(standings)}
    promised = [*claims, *(f"REP-{n:02}" for n in range(missing))]
    return exit_code(claims, promised, gate, **flags)


HOLDS = (R, Outcome.HOLDS)


@pytest.mark.parametrize(
    ("standings", "expected"),
    [
        ([HOLDS], 0),
        ([HOLDS, (R, Outcome.VIOLATED)], 1),
        ([HOLDS, (X, Outcome.VIOLATED)], 1),
        ([HOLDS, (INFO, Outcome.VIOLATED)], 0),
        ([HOLDS, (R, Outcome.UNEXPECTED_PASS)], 1),
        ([HOLDS, (INFO, Outcome.UNEXPECTED_PASS)], 0),
        ([HOLDS, (R, Outcome.EXPECTED_FAILURE)], 0),
        ([(R, Outcome.EXPECTED_FAILURE)], 0),
        ([HOLDS, (X, Outcome.INCONCLUSIVE)], 3),
        ([HOLDS, (INFO, Outcome.INCONCLUSIVE)], 0),
        ([(R, Outcome.INCONCLUSIVE)], 3),
        ([HOLDS, (R, Outcome.NOT_APPLICABLE)], 0),
        ([HOLDS, (INFO, Outcome.ERROR)], 5),
        ([(R, Outcome.VIOLATED), (R, Outcome.NOT_ASKED), (X, Outcome.NOT_ASKED)], 1),
    ],
)
def test_one_outcome_decides(standings: list[tuple[Level, Outcome]], expected: int) -> None:
    assert code(*standings) == expected


@pytest.mark.parametrize(
    "standings",
    [
        [],
        [(R, Outcome.NOT_APPLICABLE)],
        [(INFO, Outcome.INCONCLUSIVE)],
        [(X, Outcome.NOT_ASKED)],
        [(R, Outcome.NOT_APPLICABLE), (INFO, Outcome.INCONCLUSIVE)],
    ],
)
def test_where_nothing_was_decided_the_run_is_incomplete(standings: list[tuple[Level, Outcome]]) -> None:
    assert code(*standings) == ExitCode.INCOMPLETE


def test_the_worst_wins_in_the_order_5_2_1_4_3_0() -> None:
    everything = [HOLDS, (R, Outcome.INCONCLUSIVE), (R, Outcome.VIOLATED), (R, Outcome.ERROR)]
    assert code(*everything, missing=1, unbound=True) == 5
    assert code(*everything[:3], missing=1, unbound=True, suite_failed=True) == 5
    assert code(*everything[:3], missing=1, unbound=True) == 2
    assert code(*everything[:3], missing=1) == 1
    assert code(*everything[:2], missing=1) == 4
    assert code(*everything[:2]) == 3
    assert code(*everything[:1]) == 0


def test_a_run_that_was_stopped_has_no_verdict() -> None:
    assert code(HOLDS, (R, Outcome.VIOLATED), missing=3, interrupted=True) == ExitCode.INTERRUPTED
    assert code(HOLDS, interrupted=True) == ExitCode.INTERRUPTED


def test_fewer_verdicts_than_promised_is_incomplete() -> None:
    assert code(HOLDS, missing=1) == ExitCode.INCOMPLETE


def test_the_gate_required_looks_at_required_claims_alone() -> None:
    assert code(HOLDS, (X, Outcome.VIOLATED), gate="required") == ExitCode.CONFORMS
    assert code(HOLDS, (X, Outcome.INCONCLUSIVE), gate="required") == ExitCode.CONFORMS
    assert code(HOLDS, (R, Outcome.VIOLATED), gate="required") == ExitCode.VIOLATES


def test_an_expected_failure_that_passes_fails_the_run_whatever_the_gate() -> None:
    assert code(HOLDS, (X, Outcome.UNEXPECTED_PASS), gate="required") == ExitCode.VIOLATES


def test_levels_and_gates() -> None:
    table = {(level, gate): gates(level, gate) for level in Level for gate in ("expected", "required")}
    assert {key for key, gated in table.items() if gated} == {(R, "expected"), (R, "required"), (X, "expected")}


def test_every_code_has_a_word_and_a_meaning() -> None:
    words = {code.verdict for code in ExitCode}
    assert words == {"conforms", "violates", "unbound", "inconclusive", "incomplete", "error", "interrupted"}
    assert len({code.meaning for code in ExitCode}) == len(ExitCode)
