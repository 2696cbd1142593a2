"""Exact claims come before trainings, which are left out while a required one is violated."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from named import named_options
from report_samples import verdict

from vae_conformance.config.options import RunOptions
from vae_conformance.runner import stages
from vae_conformance.runner.events import Event, EventFile, Loading, NotBound, SuiteError
from vae_conformance.runner.selection import in_asking_order, selected
from vae_conformance.runner.stages import ExactStage, stops_run, stops_trainings
from vae_spec.outcomes import Level, Outcome
from vae_spec.registry import CLAIMS

REQUIRED = ("KL-01", "REP-01")


def options(**more: Any) -> RunOptions:
    return named_options("student.py", **more)


def stage(chosen: RunOptions, **more: Any) -> ExactStage:
    return ExactStage([CLAIMS[name] for name in (*REQUIRED, "NET-05", "TRN-02")], chosen, **more)


@pytest.mark.parametrize(
    ("found", "more", "stops"),
    [
        (verdict("KL-01", Outcome.VIOLATED), {}, True),
        (verdict("KL-01", Outcome.VIOLATED), {"gate": "required"}, True),
        (verdict("KL-01", Outcome.VIOLATED), {"keep_going": True}, False),
        (verdict("KL-01", Outcome.VIOLATED), {"expected_failures": {"KL-01": "on purpose"}}, False),
        (verdict("KL-01", Outcome.VIOLATED), {"expected_failures": {"KL-02": "on purpose"}}, True),
        (verdict("KL-01", Outcome.VIOLATED), {"weights": "model.pt"}, False),
        (verdict("KL-01", Outcome.VIOLATED, level=Level.INFORMATIONAL), {}, False),
        (verdict("TRN-01", Outcome.VIOLATED), {}, False),
        *((verdict("KL-01", outcome), {}, False) for outcome in Outcome if outcome is not Outcome.VIOLATED),
    ],
)
def test_what_keeps_trainings_from_being_made(found: Any, more: dict[str, Any], stops: bool) -> None:
    assert stops_trainings(found, options(**more)) is stops


@pytest.mark.parametrize(
    ("found", "more", "stops"),
    [
        (verdict("KL-01", Outcome.VIOLATED), {"fail_fast": True}, True),
        (verdict("TRN-02", Outcome.VIOLATED, level=Level.EXPECTED), {"fail_fast": True}, True),
        (verdict("TRN-02", Outcome.VIOLATED, level=Level.EXPECTED), {"fail_fast": True, "gate": "required"}, False),
        (verdict("KL-01", Outcome.ERROR), {"fail_fast": True}, True),
        (verdict("KL-01", Outcome.HOLDS), {"fail_fast": True}, False),
        (verdict("KL-01", Outcome.VIOLATED), {"fail_fast": True, "expected_failures": {"KL-01": "on purpose"}}, False),
        (verdict("KL-01", Outcome.VIOLATED), {}, False),
    ],
)
def test_what_ends_a_run_that_is_to_fail_fast(found: Any, more: dict[str, Any], stops: bool) -> None:
    assert stops_run(found, options(**more)) is stops


def test_the_violated_claims_stand_in_the_order_of_reports() -> None:
    exact = stage(options())
    for found in (verdict("REP-01", Outcome.VIOLATED), verdict("NET-05", Outcome.HOLDS), verdict("KL-01", Outcome.VIOLATED)):
        exact.note(found)
    exact.note(verdict("KL-01", Outcome.HOLDS))
    assert exact.fix_first == REQUIRED, "the first verdict on a claim is final"


def test_what_earlier_processes_decided_counts() -> None:
    assert stage(options(), decided=("KL-01", "REP-01"), violated=("REP-01",)).fix_first == ("REP-01",)


class Events(EventFile):
    """A file to which other processes append one batch of events after the other."""

    def __init__(self, *batches: Sequence[Event]) -> None:
        super().__init__(Path("none"))
        self.batches = list(batches)

    def new(self) -> list[Event]:
        return list(self.batches.pop(0))


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stages, "POLL", 0.0)


def test_no_training_begins_before_every_required_exact_claim_is_decided() -> None:
    events = Events([], [verdict("REP-01", Outcome.HOLDS)], [], [verdict("KL-01", Outcome.HOLDS)], [Loading()])
    exact = stage(options())
    exact.wait(events, patience=600)
    assert events.batches == [[Loading()]]
    assert exact.fix_first == ()


def test_all_violations_are_waited_for_so_that_none_depends_on_who_is_faster() -> None:
    events = Events([verdict("REP-01", Outcome.VIOLATED)], [], [verdict("KL-01", Outcome.VIOLATED)])
    exact = stage(options())
    exact.wait(events, patience=600)
    assert exact.fix_first == REQUIRED


@pytest.mark.parametrize(
    ("more", "event"),
    [
        ({"fail_fast": True}, verdict("KL-01", Outcome.VIOLATED)),
        ({"fail_fast": True}, verdict("NET-05", Outcome.VIOLATED, level=Level.EXPECTED)),
        ({}, NotBound("no class")),
        ({}, SuiteError("a fault")),
    ],
)
def test_nothing_is_waited_for_where_the_run_has_ended(more: dict[str, Any], event: Event) -> None:
    exact = stage(options(**more))
    exact.wait(Events([], [event]), patience=600)
    assert exact.run_has_ended


def test_a_claim_that_never_comes_is_not_waited_for_without_end() -> None:
    exact = stage(options())
    exact.wait(Events([verdict("KL-01", Outcome.HOLDS)], []), patience=0.0)
    assert not exact.run_has_ended


@pytest.mark.parametrize(
    "more", [{"keep_going": True}, {"weights": "model.pt"}, {"expected_failures": dict.fromkeys((*REQUIRED, "NET-05"), "why")}]
)
def test_where_nothing_can_stop_trainings_nothing_is_waited_for(more: dict[str, Any]) -> None:
    stage(options(**more)).wait(Events([]), patience=600)


@pytest.mark.parametrize("fail_fast", [False, True])
def test_exact_claims_come_first_and_of_them_those_nearest_to_the_cause(fail_fast: bool) -> None:
    chosen = options(profile="full", fail_fast=fail_fast)
    claims = in_asking_order(selected(chosen), chosen)
    assert [claim.trained for claim in claims] == sorted(claim.trained for claim in claims)
    ranks = [claim.rank for claim in claims if not claim.trained and claim.rank is not None]
    assert ranks == sorted(ranks)
    trained = [claim for claim in claims if claim.trained]
    assert [not claim.reference_only for claim in trained] == sorted(not claim.reference_only for claim in trained)
    assert {claim.id for claim in claims} == {claim.id for claim in selected(chosen)}
