"""Whose fault it is that a time limit is over: one call's that hangs, or nobody's where many calls have used it up."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from vae_conformance.guard.calls import Caller
from vae_conformance.guard.time_limit import TimeLimitExceeded, time_limit
from vae_conformance.runner.session import out_of_time
from vae_spec.outcomes import Outcome
from vae_spec.subject import SubjectFault

SHORT = 1.0


def calls(caller: Caller, count: int, seconds: Callable[[int], float]) -> None:
    """So many calls of encode, each of which waits."""
    for index in range(count):
        with caller.calling("encode"):
            time.sleep(seconds(index))


def test_a_call_that_hangs_is_to_blame_whoever_set_the_limit() -> None:
    caller = Caller()
    with pytest.raises(SubjectFault, match="encode: did not return within") as fault, time_limit(SHORT, "a claim"):
        calls(caller, 1, lambda _index: 30.0)
    assert fault.value.limit == SHORT
    with pytest.raises(SubjectFault, match="encode: did not return within"):
        calls(caller, 1, lambda _index: 0.0)


def test_a_call_that_hangs_after_many_quick_ones_is_to_blame_too() -> None:
    caller = Caller()
    with pytest.raises(SubjectFault, match="did not return within"), time_limit(2.0, "a claim"):
        calls(caller, 200, lambda index: 30.0 if index == 100 else 0.0)


def test_a_calls_own_limit_is_its_own_fault() -> None:
    with pytest.raises(SubjectFault, match=r"did not return within 0\.2 s"), time_limit(30.0, "a claim"):
        calls(Caller(0.2), 1, lambda _index: 30.0)


def test_many_calls_of_which_none_hangs_are_nobodys_fault() -> None:
    caller = Caller()
    with pytest.raises(TimeLimitExceeded) as late, time_limit(SHORT, "a claim"):
        calls(caller, 10_000, lambda _index: 0.05)
    calls(caller, 1, lambda _index: 0.0)  # it may be called again
    verdict = out_of_time(late.value, caller)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    made = caller.spent["encode"].calls
    assert verdict.message.startswith(f"not decided within its {SHORT:g} s: {made} calls of the implementation took")
    assert "(encode)" in verdict.message
    assert "--time-limit" in verdict.message


def test_a_limit_that_was_over_before_any_call_says_so() -> None:
    verdict = out_of_time(TimeLimitExceeded("a claim", 3.0), Caller())
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "the implementation was not called yet" in verdict.message


def test_counting_begins_anew() -> None:
    caller = Caller()
    calls(caller, 3, lambda _index: 0.0)
    assert caller.spent["encode"].calls == 3
    caller.count_anew()
    assert caller.spent == {}
