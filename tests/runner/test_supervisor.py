"""The parent survives what a child does: dying, crashing, hanging, printing rubbish."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import msgspec
import pytest
from fake_child import FakeChild
from named import named_options
from report_samples import BOUND

from vae_conformance.config.options import RunOptions
from vae_conformance.runner.events import Bound, ClaimVerdict, Event, Progress, Started
from vae_conformance.runner.run_state import Limits, RunState
from vae_conformance.runner.supervisor import MAX_CHILDREN, Supervisor, labelled, unlabelled
from vae_conformance.runner.worker_process import Assignment, worker_command
from vae_spec.outcomes import Level, Outcome

PATIENT = Limits(loading=30, claim=30, training=30, finishing=30, poll=0.01)
LABEL = ClaimVerdict("KL-02", "the title", Level.EXPECTED, "the source", Outcome.VIOLATED, "")


def run(
    *scripts: str, limits: Limits = PATIENT, workers: int = 1, options: RunOptions | None = None
) -> tuple[RunState, FakeChild, list[Event]]:
    child, seen = FakeChild(scripts), []
    supervisor = Supervisor(
        options or named_options("t.py"),
        workers=workers,
        on_event=seen.append,
        command_of=child,
        limits=limits,
        label_of=lambda claim: msgspec.structs.replace(LABEL, claim=claim),
    )
    return supervisor.run(), child, seen


def outcomes(state: RunState) -> dict[str, Outcome]:
    return {verdict.claim: verdict.outcome for verdict in state.verdicts.values()}


GOOD = """
bound(); promised('KL-01', 'KL-02')
ask('KL-01'); say('progress', text='step 1'); ask('KL-02', 'violated')
say('finished')
"""


def test_a_child_that_does_its_work() -> None:
    state, child, seen = run(GOOD)
    assert outcomes(state) == {"KL-01": Outcome.HOLDS, "KL-02": Outcome.VIOLATED}
    assert state.promised == ("KL-01", "KL-02")
    assert state.bound is not None
    assert state.bound.implementation.name == "VAE"
    assert (state.not_bound, state.suite_error, len(child.assignments)) == (None, None, 1)
    assert Progress("step 1") in seen
    assert isinstance(seen[0], Bound)
    assert child.assignments[0].skip == ()
    assert not child.assignments[0].folder.exists()


def test_rubbish_between_the_events_and_a_torn_last_line_do_no_harm() -> None:
    rubbish = "open(PATH, 'a').write('rubbish\\n{}\\n[]\\n'); print('noise'); print('noise', file=sys.stderr);"
    torn = "\nopen(PATH, 'a').write('{\"event\": \"suite-err')"
    state, _, _ = run(rubbish + GOOD + torn)
    assert len(state.verdicts) == 2
    assert state.suite_error is None


@pytest.mark.parametrize(
    ("script", "status"),
    [
        ("os._exit(3)", "exit status 3"),
        ("os._exit(0)", "exit status 0"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "signal 11"),
    ],
)
def test_ending_before_it_is_bound_is_the_files_doing(script: str, status: str) -> None:
    state, child, _ = run(script)
    assert state.not_bound is not None
    assert "ended the process while it was loaded" in state.not_bound.message
    assert status in state.not_bound.message
    assert state.suite_error is None
    assert len(child.assignments) == 1


def test_what_the_file_prints_while_it_is_loaded_does_not_shift_the_blame() -> None:
    state, _, _ = run("say('loading'); print('ValueError: printed by the file'); sys.stdout.flush(); os._exit(1)")
    assert state.not_bound is not None
    assert state.suite_error is None


def test_not_being_bound_is_passed_on() -> None:
    state, child, _ = run("say('unbound', message='no class', hint='name one'); sys.exit(4)")
    assert state.not_bound is not None
    assert (state.not_bound.message, state.not_bound.hint) == ("no class", "name one")
    assert len(child.assignments) == 1


@pytest.mark.parametrize(
    "script",
    [
        "raise RuntimeError('inside the suite')",
        "print('ModuleNotFoundError: inside the suite'); sys.exit(1)",
        "bound(); promised('KL-01'); print('inside the suite'); sys.exit(1)",
    ],
)
def test_a_suite_that_breaks_down_is_no_fault_of_the_implementation(script: str) -> None:
    state, _, _ = run(script)
    assert state.suite_error is not None
    assert state.not_bound is None
    assert not state.verdicts
    if "inside" in script:
        assert "inside the suite" in state.suite_error.details


def test_an_error_that_the_suite_reports_keeps_its_details() -> None:
    state, _, _ = run("bound(); say('suite-error', message='m', details='d'); say('finished')")
    assert state.suite_error is not None
    assert (state.suite_error.message, state.suite_error.details) == ("m", "d")


@pytest.mark.parametrize(("death", "status"), [("os._exit(7)", "exit status 7"), ("os.kill(os.getpid(), signal.SIGSEGV)", "signal 11")])
def test_ending_while_a_claim_is_asked_violates_it_and_the_rest_is_asked_anew(death: str, status: str) -> None:
    first = f"bound(); promised('KL-01', 'KL-02', 'KL-03'); ask('KL-01'); started('KL-02'); {death}"
    second = "bound(); promised('KL-01', 'KL-02', 'KL-03'); ask('KL-01'); ask('KL-02'); ask('KL-03'); say('finished')"
    state, child, _ = run(first, second)
    assert outcomes(state) == {"KL-01": Outcome.HOLDS, "KL-02": Outcome.VIOLATED, "KL-03": Outcome.HOLDS}
    blamed = state.verdicts["KL-02"]
    assert status in blamed.message
    assert (blamed.title, blamed.level, blamed.source) == (LABEL.title, LABEL.level, LABEL.source)
    assert blamed.hint
    assert child.assignments[1].skip == ("KL-01", "KL-02")
    assert state.suite_error is None


def test_an_implementation_that_always_dies_is_given_up() -> None:
    claims = [f"KL-{n:02}" for n in range(1, 10)]
    script = f"bound(); promised(*{claims}); started(next(c for c in {claims} if c not in SKIP)); os._exit(1)"
    state, child, _ = run(script)
    assert len(child.assignments) == MAX_CHILDREN
    assert outcomes(state) == dict.fromkeys(claims, Outcome.VIOLATED)
    messages = [verdict.message for verdict in state.verdicts.values()]
    assert sum("ended the process while this claim was asked" in message for message in messages) == MAX_CHILDREN
    assert all("not judged, because" in message for message in messages[MAX_CHILDREN:])


def test_an_implementation_that_loads_only_once_is_judged_by_what_it_did() -> None:
    state, child, _ = run("bound(); promised('KL-01', 'KL-02'); started('KL-01'); os._exit(1)", "os._exit(2)")
    assert state.not_bound is None
    assert outcomes(state) == {"KL-01": Outcome.VIOLATED, "KL-02": Outcome.VIOLATED}
    assert "not again" in state.verdicts["KL-02"].message
    assert len(child.assignments) == 2


def test_dying_on_the_last_claim_starts_no_further_child() -> None:
    state, child, _ = run("bound(); promised('KL-01'); started('KL-01'); os._exit(1)")
    assert outcomes(state) == {"KL-01": Outcome.VIOLATED}
    assert len(child.assignments) == 1


def test_fail_fast_stops_at_a_death_unless_it_is_expected() -> None:
    first = "bound(); promised('KL-01', 'KL-02'); started('KL-01'); os._exit(1)"
    second = "bound(); ask('KL-02'); say('finished')"
    stopped, _, _ = run(first, second, options=named_options("t.py", fail_fast=True))
    assert outcomes(stopped) == {"KL-01": Outcome.VIOLATED}
    listed, _, _ = run(first, second, options=named_options("t.py", fail_fast=True, expected_failures={"KL-01": "known"}))
    assert outcomes(listed) == {"KL-01": Outcome.VIOLATED, "KL-02": Outcome.HOLDS}


HANG = "time.sleep(600)"


def test_hanging_on_a_claim_violates_it() -> None:
    first = f"bound(); promised('KL-01', 'KL-02'); started('KL-01'); {HANG}"
    state, _, _ = run(first, "bound(); ask('KL-02'); say('finished')", limits=Limits(30, 0.2, 30, poll=0.01))
    assert outcomes(state) == {"KL-01": Outcome.VIOLATED, "KL-02": Outcome.HOLDS}
    assert "exceeded its time" in state.verdicts["KL-01"].message
    assert "0.2 s" in state.verdicts["KL-01"].message


def test_hanging_while_it_is_loaded_leaves_it_unbound() -> None:
    state, _, _ = run(HANG, limits=Limits(0.2, 30, 30, poll=0.01))
    assert state.not_bound is not None
    assert "within 0.2 s" in state.not_bound.message


def test_hanging_between_claims_is_the_suites_fault() -> None:
    state, _, _ = run(f"bound(); promised('KL-01'); {HANG}", limits=Limits(30, 30, 0.2, poll=0.01))
    assert state.suite_error is not None


def test_hanging_after_the_end_costs_nothing_but_time() -> None:
    state, _, _ = run(GOOD + HANG, limits=Limits(30, 30, 30, finishing=0.2, poll=0.01))
    assert len(state.verdicts) == 2
    assert state.suite_error is None


def test_how_long_silence_is_allowed() -> None:
    limits, state = Limits(loading=1, claim=2, training=3, finishing=4), RunState()
    verdict = ClaimVerdict("KL-01", "", Level.REQUIRED, "", Outcome.HOLDS, "")
    steps: list[tuple[Event, float]] = [
        (Progress("importing"), 1),
        (BOUND, 3),
        (Started("KL-01"), 2),
        (Progress("training"), 3),
        (Started("KL-02"), 3),
        (verdict, 2),
        (Started("KL-03", limit_s=9), 9),
    ]
    for event, allowed in steps:
        state.note(event)
        assert state.allowance(limits) == allowed


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_the_childs_children_die_with_it(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    spawn = f"""
import subprocess; other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
open({str(note)!r}, "w").write(str(other.pid))
bound(); promised("KL-01"); started("KL-01"); time.sleep(600)
"""
    run(spawn, limits=Limits(30, 0.5, 30, poll=0.01))
    process = Path("/proc") / note.read_text()
    for _ in range(500):  # killed at once; who inherits it takes a moment to bury it
        if not process.exists() or "Z" in (process / "stat").read_text().rpartition(")")[2].split()[0]:
            return
        time.sleep(0.01)
    pytest.fail("a process that the child started is still running")


def test_of_several_claims_in_flight_none_is_blamed_and_the_rest_is_asked_one_at_a_time() -> None:
    first = "bound(); promised('KL-01', 'KL-02'); started('KL-01'); started('KL-02'); os._exit(1)"
    second = "bound(); ask('KL-01'); started('KL-02'); os._exit(1)"
    state, child, _ = run(first, second, workers=2)
    assert [assignment.workers for assignment in child.assignments] == [2, 1]
    assert outcomes(state) == {"KL-01": Outcome.HOLDS, "KL-02": Outcome.VIOLATED}


def test_a_lost_worker_takes_its_claim_along() -> None:
    first = f"bound(); promised('KL-01', 'KL-02', 'KL-03'); started('KL-01'); started('KL-02'); say('lost', claim='KL-01'); {HANG}"
    second = "bound(); ask('KL-01'); ask('KL-02'); ask('KL-03'); say('finished')"
    state, child, _ = run(first, second, workers=2)
    assert outcomes(state) == {"KL-01": Outcome.VIOLATED, "KL-02": Outcome.HOLDS, "KL-03": Outcome.HOLDS}
    assert "ended the process while this claim was asked" in state.verdicts["KL-01"].message
    assert [assignment.workers for assignment in child.assignments] == [2, 2]
    assert child.assignments[1].skip == ("KL-01",)


def test_a_worker_that_is_lost_while_the_file_is_loaded_leaves_it_unbound() -> None:
    state, child, _ = run(f"say('loading'); promised('KL-01'); say('lost', claim='KL-01'); {HANG}", workers=2)
    assert state.not_bound is not None
    assert "ended the process while it was loaded" in state.not_bound.message
    assert len(child.assignments) == 1


def test_a_worker_that_is_lost_after_its_verdict_takes_nothing_back() -> None:
    first = f"bound(); promised('KL-01', 'KL-02'); ask('KL-01'); say('lost', claim='KL-01'); {HANG}"
    state, _, seen = run(first, "bound(); ask('KL-02'); say('finished')", workers=2)
    assert outcomes(state) == {"KL-01": Outcome.HOLDS, "KL-02": Outcome.HOLDS}
    assert sum(isinstance(event, ClaimVerdict) for event in seen) == 2


@pytest.mark.parametrize(
    ("verdict", "options", "fix_first"),
    [
        ("ask('KL-01', 'violated')", {}, ("KL-01",)),
        ("ask('KL-01', 'violated')", {"keep_going": True}, ()),
        ("ask('KL-01', 'violated')", {"expected_failures": {"KL-01": "known"}}, ()),
        ("ask('KL-01', 'violated', level='expected')", {}, ()),
        ("ask('KL-01', 'violated', trained=True)", {}, ()),
        ("ask('KL-01', 'inconclusive')", {}, ()),
    ],
)
def test_the_next_child_is_told_what_to_fix_first(verdict: str, options: dict[str, object], fix_first: tuple[str, ...]) -> None:
    first = f"bound(); promised('KL-01', 'TRN-02', 'TRN-03'); {verdict}; started('TRN-02'); os._exit(1)"
    _, child, _ = run(first, "bound(); ask('TRN-03'); say('finished')", options=named_options("t.py", **options))
    assert child.assignments[1].skip == ("KL-01", "TRN-02")
    assert child.assignments[1].fix_first == fix_first


def test_a_claim_without_a_verdict_stays_without_one_where_nothing_died() -> None:
    state, _, _ = run("bound(); promised('KL-01', 'KL-02'); started('KL-01'); ask('KL-02'); say('finished')")
    assert outcomes(state) == {"KL-02": Outcome.HOLDS}
    assert state.suite_error is None


def test_ctrl_c_kills_the_child(tmp_path: Path) -> None:
    note = tmp_path / "pid"

    def interrupt(event: Event) -> None:
        if isinstance(event, Started):
            raise KeyboardInterrupt

    script = f"open({str(note)!r}, 'w').write(str(os.getpid())); bound(); promised('KL-01', 'KL-02'); started('KL-01'); {HANG}"
    supervisor = Supervisor(named_options("t.py"), on_event=interrupt, command_of=FakeChild([script]), limits=PATIENT)
    with pytest.raises(KeyboardInterrupt):
        supervisor.run()
    assert (supervisor.state.stopped_by, supervisor.state.verdicts) == ("you", {})
    with pytest.raises(ProcessLookupError):
        os.kill(int(note.read_text()), 0)


def test_verdicts_that_ctrl_c_keeps_from_being_shown_are_kept() -> None:
    def interrupt(event: Event) -> None:
        if isinstance(event, ClaimVerdict):
            raise KeyboardInterrupt("SIGTERM")

    script = f"bound(); promised('KL-01', 'KL-02'); ask('KL-01'); ask('KL-02', 'violated'); {HANG}"
    supervisor = Supervisor(named_options("t.py"), on_event=interrupt, command_of=FakeChild([script]), limits=PATIENT)
    with pytest.raises(KeyboardInterrupt):
        supervisor.run()
    assert outcomes(supervisor.state)["KL-01"] is Outcome.HOLDS
    assert supervisor.state.stopped_by == "SIGTERM"


def test_a_broken_registry_still_gives_a_verdict() -> None:
    def broken(_claim: str) -> ClaimVerdict:
        raise ImportError

    script = "bound(); promised('KL-01'); started('KL-01'); os._exit(1)"
    state = Supervisor(named_options("t.py"), command_of=FakeChild([script]), limits=PATIENT, label_of=broken).run()
    assert (state.verdicts["KL-01"].outcome, state.verdicts["KL-01"].level) == (Outcome.VIOLATED, Level.REQUIRED)


def test_the_limits_lie_beyond_those_that_the_child_keeps_itself() -> None:
    limits = Limits.of(named_options("t.py", time_limit=7, training_time_limit=11))
    assert limits.claim > 7
    assert limits.training > 11


def test_the_child_reads_the_assignment_that_its_parent_wrote(tmp_path: Path) -> None:
    options = named_options("a.py:VAE", seed=3)
    assignment = Assignment(options, tmp_path, workers=2, skip=("KL-01", "KL-02"), fix_first=("KL-02",), inspect=True)
    assert worker_command(assignment) == [sys.executable, "-P", "-m", "vae_conformance.runner", str(tmp_path)]
    assert Assignment.read(tmp_path) == assignment


def test_the_specification_labels_its_claims() -> None:
    from vae_spec.registry import CLAIMS

    identifier, claim = next(iter(CLAIMS.items()))
    label = labelled(identifier)
    assert (label.title, label.level, label.statement, label.trained) == (claim.title, claim.level, claim.statement, claim.trained)
    assert labelled("KL-99") == unlabelled("KL-99")
