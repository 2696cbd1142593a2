"""The comparators of exact checks: what each lets pass, and the one form of what it says otherwise."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import pytest
import torch

from vae_spec.checks import (
    Because,
    Cause,
    alike,
    at_most,
    close,
    entry,
    finite,
    first_violation,
    likely,
    nonnegative,
    positive,
    proportional,
    same,
    unchanged,
    worst,
)
from vae_spec.outcomes import Outcome, Verdict
from vae_spec.statistics.pivots import Pivot
from vae_spec.statistics.two_stage import Decision

ONES = torch.ones(3)
COMPARISONS: dict[str, tuple[Callable[[], Verdict | None], Callable[[], Verdict | None]]] = {
    "close": (lambda: close("KL", 1.01, 1.0, 0.02), lambda: close("KL", 1.03, 1.0, 0.02)),
    "close, no number": (lambda: close("KL", 1.0, 1.0, 0.0), lambda: close("KL", math.nan, 1.0, 0.1)),
    "proportional": (lambda: proportional("KL", 100.5, 100.0, 0.01), lambda: proportional("KL", 102.0, 100.0, 0.01)),
    "proportional to a size": (lambda: proportional("KL", 0.5, 0.0, 0.01, size=100.0), lambda: proportional("KL", 0.5, 0.0, 0.01)),
    "positive": (lambda: positive("KL", 1e-30), lambda: positive("KL", 0.0)),
    "positive beyond": (lambda: positive("KL", 2e-7, beyond=1e-7), lambda: positive("KL", 1e-7, beyond=1e-7)),
    "nonnegative": (lambda: nonnegative("KL", -1e-7, 1e-6), lambda: nonnegative("KL", -1e-5, 1e-6)),
    "at most": (lambda: at_most("share", 0.25, 0.25), lambda: at_most("share", 0.26, 0.25)),
    "same": (lambda: same("shape", "(2, 3)", "(2, 3)"), lambda: same("shape", "(2, 3)", "(3, 2)")),
    "alike": (lambda: alike(ONES + 1e-6, ONES, 1e-4), lambda: alike(ONES + 1e-3, ONES, 1e-4)),
    "alike, shapes": (lambda: alike(ONES, ONES, 0.0), lambda: alike(ONES[:2], ONES, 1e9)),
    "unchanged": (lambda: unchanged([ONES], [ONES.clone()]), lambda: unchanged([ONES, ONES], [ONES, ONES + 1e-6])),
    "finite": (lambda: finite("loss", ONES), lambda: finite("loss", ONES / 0)),
}


@pytest.mark.parametrize("comparison", COMPARISONS)
def test_what_agrees_gives_nothing_and_what_does_not_a_violation(comparison: str) -> None:
    agreeing, differing = COMPARISONS[comparison]
    assert agreeing() is None
    verdict = differing()
    assert verdict is not None
    assert verdict.outcome is Outcome.VIOLATED
    assert next(iter(verdict.measured)) in verdict.expected


def test_message_measured_and_expected_come_from_the_same_numbers() -> None:
    cause = Cause("missing-half", "most likely the factor 1/2 is missing", "add it")
    verdict = proportional("KL", 4.0, 2.0, 1e-3, what="too large", where={"batch": 3}, because=cause)
    assert verdict is not None
    assert verdict.message == (
        "too large\nKL is 4, expected 2 (ratio = 2, batch = 3, relative tolerance = 0.001)\nmost likely the factor 1/2 is missing"
    )
    assert verdict.measured == {"KL": 4.0, "ratio": 2.0, "batch": 3}
    assert verdict.expected == {"KL": 2.0, "ratio": 1.0, "relative tolerance": 1e-3}
    assert (verdict.diagnosis, verdict.hint) == ("missing-half", "add it")


def test_a_cause_is_looked_for_where_there_is_a_violation_alone() -> None:
    looked = []

    def cause() -> Because:
        looked.append(True)
        return "kl-sign"

    assert nonnegative("KL", 1.0, 0.0, because=cause) is None
    assert not looked
    verdict = nonnegative("KL", -1.0, 0.0, because=cause)
    assert verdict is not None
    assert (verdict.diagnosis, len(looked)) == ("kl-sign", 1)


@pytest.mark.parametrize(("because", "named"), [({}, "overflow"), ({"because": None}, None)])
def test_a_value_that_is_not_finite_overflowed_unless_the_check_knows_better(because: dict[str, None], named: str | None) -> None:
    verdict = finite("loss", torch.tensor(math.inf), **because)
    assert verdict is not None
    assert verdict.diagnosis == named


def test_draws_are_rejected_on_their_worst_pivot() -> None:
    pivot = Pivot("variance", 0.5, 1.0, 1e-12)
    assert likely(Decision(rejected=False, pivot=pivot, draws=64, stage=1), 1e-8) is None
    verdict = likely(Decision(rejected=True, pivot=pivot, draws=64, stage=2), 1e-8, what="eps")
    assert verdict is not None
    assert verdict.message == "eps\nvariance is 0.5, expected 1 (p = 1e-12, n = 64)"
    assert verdict.expected == {"variance": 1.0, "level": 1e-8}


def test_comparisons_in_turn_stop_at_the_first_violation() -> None:
    reached = []

    @first_violation
    def examine(value: float) -> Iterator[Verdict | None]:
        yield positive("value", value)
        reached.append(value)
        yield at_most("value", value, 2.0)

    assert examine(1.0) is None
    for value, expected in ((-1.0, "> 0"), (3.0, "<= 2")):
        verdict = examine(value)
        assert verdict is not None
        assert verdict.expected == {"value": expected}
    assert reached == [1.0, 3.0]


def test_the_worst_entry_is_the_one_that_exceeds_what_is_allowed_most() -> None:
    found, expected, allowed = torch.tensor([[1.0, 5.0], [0.0, 2.0]]), torch.zeros(2, 2), torch.tensor([[0.0, 4.9], [0.0, 0.5]])
    assert entry(worst(found, expected), found, allowed) == [5.0, pytest.approx(4.9)]
    assert entry(worst(found, expected, allowed), found, allowed) == [2.0, 0.5]
