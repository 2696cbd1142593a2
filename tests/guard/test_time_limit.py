"""The time limit: it ends what runs too long, whatever that does about it, and leaves no timer behind."""

import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

import vae_conformance
from vae_conformance.config.options import RunOptions
from vae_conformance.errors import Unbound
from vae_conformance.guard.time_limit import TimeLimitExceeded, time_limit, undisturbed, user_code

needs_alarm = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no interval timers")


def spin() -> None:
    while True:
        pass


@pytest.fixture
def timer_is_put_back():
    handler = signal.getsignal(signal.SIGALRM)
    yield
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert signal.getsignal(signal.SIGALRM) is handler


@needs_alarm
def test_a_block_within_its_limit_runs_as_if_there_were_none(timer_is_put_back):
    with time_limit(60, "adding"):
        total = 1 + 1
    assert total == 2


@needs_alarm
def test_a_block_beyond_its_limit_is_ended_and_named(timer_is_put_back):
    with (
        pytest.raises(TimeLimitExceeded, match=r"spinning took longer than 0\.05 s") as caught,
        time_limit(0.05, "spinning"),
    ):
        spin()
    assert (caught.value.what, caught.value.seconds) == ("spinning", 0.05)


@needs_alarm
def test_waiting_is_interrupted_too(timer_is_put_back):
    with pytest.raises(TimeLimitExceeded), time_limit(0.05, "waiting"):
        time.sleep(60)


@needs_alarm
def test_except_exception_does_not_swallow_it(timer_is_put_back):
    def careless() -> None:
        while True:
            try:
                spin()
            except Exception:  # noqa: BLE001 - what is tested
                continue

    with pytest.raises(TimeLimitExceeded), time_limit(0.05, "spinning"):
        careless()


@needs_alarm
def test_the_alarm_comes_again_for_code_that_swallows_the_first(timer_is_put_back):
    swallowed = []

    def stubborn() -> None:
        try:
            spin()
        except:  # noqa: E722 - what is tested
            swallowed.append(True)
        spin()

    with pytest.raises(TimeLimitExceeded), time_limit(0.05, "stubborn"):
        stubborn()
    assert swallowed == [True]


@needs_alarm
def test_an_exception_of_the_block_passes_through(timer_is_put_back):
    with pytest.raises(ZeroDivisionError), time_limit(60, "dividing"):
        raise ZeroDivisionError


@needs_alarm
def test_an_inner_limit_leaves_the_outer_one_the_time_it_has(timer_is_put_back):
    with time_limit(60, "outer"):
        with pytest.raises(TimeLimitExceeded, match="inner"), time_limit(0.05, "inner"):
            spin()
        remaining, interval = signal.getitimer(signal.ITIMER_REAL)
        assert 0 < remaining < 60
        assert interval == 1.0


@needs_alarm
def test_the_outer_limit_ends_an_inner_block_that_may_take_longer(timer_is_put_back):
    with pytest.raises(TimeLimitExceeded, match="outer"), time_limit(0.05, "outer"), time_limit(60, "inner"):
        spin()


@needs_alarm
def test_somebody_elses_timer_rings_in_the_block_and_goes_on_after_it():
    rings = []
    before = signal.signal(signal.SIGALRM, lambda *_: rings.append(True))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05, 60)
        with time_limit(120, "waiting for the other timer"):
            while not rings:
                pass
        remaining, interval = signal.getitimer(signal.ITIMER_REAL)
        assert 0 < remaining <= 60
        assert interval == 60
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def in_a_thread(function):
    result = []
    thread = threading.Thread(target=lambda: result.append(function()), daemon=True)
    thread.start()
    thread.join(60)
    assert result, "the thread did not end"
    return result[0]


def test_outside_the_main_thread_the_limit_holds_too():
    def run():
        try:
            with time_limit(0.05, "spinning"):
                spin()
        except TimeLimitExceeded as fault:
            return fault.what, fault.seconds
        return None

    assert in_a_thread(run) == ("spinning", 0.05)


def test_outside_the_main_thread_the_alarm_comes_again_and_then_no_more():
    def run():
        swallowed = 0
        with time_limit(0.05, "stubborn"):
            while swallowed < 2:
                try:
                    spin()
                except TimeLimitExceeded:
                    swallowed += 1
        return swallowed

    assert in_a_thread(run) == 2


def test_no_limit_and_a_senseless_one():
    with time_limit(float("inf"), "anything"):
        pass
    for seconds in (0, -1, float("nan")):
        with pytest.raises(ValueError, match="must be positive"):
            time_limit(seconds, "nothing")


def test_somebody_elses_limit_is_no_fault_of_the_code_within():
    with (
        pytest.raises(TimeLimitExceeded, match="the claim"),
        time_limit(0.05, "the claim"),
        user_code("importing x.py", limit=60, tree=None, too_long=""),
    ):
        spin()


def test_an_interruption_by_the_user_stays_one():
    with pytest.raises(KeyboardInterrupt), user_code("importing x.py", limit=60, tree=None, too_long=""):
        raise KeyboardInterrupt


def test_an_unbound_within_keeps_its_own_message():
    with pytest.raises(Unbound, match=r"^already clear$"), user_code("importing", limit=60, tree=None, too_long=""):
        raise Unbound("already clear")


def test_a_fault_without_a_message_and_without_a_known_line_is_still_named():
    with (
        pytest.raises(Unbound, match=r"^importing x.py raised KeyError: \(no message\)$"),
        user_code("importing x.py", limit=60, tree=None, too_long=""),
    ):
        raise KeyError


def test_no_line_of_the_suite_is_blamed_even_where_it_lies_in_the_users_folder():
    tree = Path(vae_conformance.__file__).parent.parent
    with pytest.raises(Unbound) as caught, user_code("importing x.py", limit=60, tree=tree, too_long=""):
        RunOptions.from_json("{")
    assert "\n" not in caught.value.message


def test_what_a_script_prints_goes_to_the_standard_error(capsys):
    with undisturbed("student.py"):
        sys.stdout.write("printed \u03b1\n")
        assert sys.argv == ["student.py"]
        assert sys.stdin.read() == ""
    seen = capsys.readouterr()
    assert seen.out == ""
    assert seen.err == "printed \u03b1\n"


def test_a_script_finds_streams_that_have_a_file_number(capfd):
    with undisturbed("student.py"):
        os.write(sys.stdout.fileno(), b"straight to the descriptor")
    assert capfd.readouterr() == ("", "straight to the descriptor")
