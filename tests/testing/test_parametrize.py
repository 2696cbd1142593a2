"""`parametrize_with_claims`: each claim as a test of a user's test suite, run by a separate pytest."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from student_files import changed

from vae_conformance import parametrize_with_claims
from vae_conformance.testing.parametrize import ClaimCheck

WRONG = changed(("torch.exp(0.5 * logvar)", "torch.exp(logvar)"))
HEAD = "from vae_conformance import parametrize_with_claims\n"


@dataclass(frozen=True)
class Ran:
    """How a pytest ended, what it printed, and how each test came out."""

    code: int
    printed: str

    @property
    def outcomes(self) -> dict[str, str]:
        return {
            name: word for word, name in re.findall(r"^(PASSED|FAILED|XFAIL|XPASS|ERROR) test_mine\.py::(\S+)", self.printed, re.MULTILINE)
        }


@pytest.fixture
def run(tmp_path: Path):
    (tmp_path / "student.py").write_text(WRONG)

    def ran(source: str, *arguments: str, settings: str = "") -> Ran:
        (tmp_path / "test_mine.py").write_text(HEAD + source)
        (tmp_path / "pytest.ini").write_text(f"[pytest]\n{settings}\n")
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
        command = [sys.executable, "-m", "pytest", "-q", "-rA", "-p", "no:cacheprovider", *arguments]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
        return Ran(done.returncode, done.stdout + done.stderr)

    return ran


EVERY_OUTCOME = """
from student import VAE

FAILURES = {"REP-04": "not yet", "REP-06": "was wrong once", "SMP-05": "has none"}


@parametrize_with_claims("student.py:VAE", only="REP-01,REP-03,REP-04,REP-06,SMP-05", expected_failures=FAILURES)
def test_named(check):
    check()


@parametrize_with_claims(VAE, only="REP-01,REP-06,REP-04", gate="required")
class TestGiven:
    def test_it(self, check):
        check()
"""


def test_each_outcome_becomes_pytest_s_own(run) -> None:
    found = run(EVERY_OUTCOME, settings="filterwarnings = error")
    assert found.outcomes == {
        "test_named[REP-01]": "FAILED",
        "test_named[REP-03]": "PASSED",
        "test_named[REP-04]": "XFAIL",
        "test_named[REP-06]": "FAILED",
        "TestGiven::test_it[REP-01]": "FAILED",
        "TestGiven::test_it[REP-06]": "PASSED",
        "TestGiven::test_it[REP-04]": "FAILED",
    }, found.printed
    assert found.code == 1
    assert "XFAIL test_mine.py::test_named[REP-04] - not yet" in found.printed
    assert "[XPASS(strict)] was wrong once" in found.printed
    assert re.search(r"SKIPPED \[1\] .*no method of its own", found.printed)
    failure = re.split(r"_{5,} test_named\[REP-01\] _{5,}", found.printed)[1].partition("_____")[0]
    for words in (">       check()", "ConformanceError: student.py:VAE: exit code 1", "std-no-half", "(VAE.reparameterize)"):
        assert words in failure
    assert "raise ConformanceError" not in found.printed


def test_a_target_that_cannot_be_loaded_fails_in_words(run) -> None:
    found = run('@parametrize_with_claims("nowhere.py", only="REP-01,REP-06")\ndef test_it(check):\n    check()\n')
    assert found.outcomes == {"test_it[REP-01]": "FAILED", "test_it[REP-06]": "FAILED"}
    assert "there is no file nowhere.py" in found.printed
    assert "Traceback" not in found.printed


def test_one_claim_can_be_chosen(run) -> None:
    found = run('@parametrize_with_claims("student.py:VAE")\ndef test_it(check):\n    check()\n', "-k", "REP-06")
    assert (found.code, found.outcomes) == (0, {"test_it[REP-06]": "PASSED"})


def test_an_undecided_claim_is_no_expected_failure(run) -> None:
    source = """
from vae_conformance.runner.run import Judge
from vae_spec.outcomes import Verdict, Outcome
from vae_conformance.runner.session import Session

Session.verdict = lambda self, claim, fix_first: Verdict(Outcome.INCONCLUSIVE, "too near the border")


@parametrize_with_claims("student.py:VAE", only="REP-01", expected_failures={"REP-01": "why"})
def test_gated(check):
    check()


@parametrize_with_claims("student.py:VAE", only="NET-05")
def test_told(check):
    check()
"""
    found = run(source)
    assert found.outcomes == {"test_gated[REP-01]": "FAILED"}
    assert "too near the border" in found.printed
    assert re.search(r"SKIPPED .*inconclusive, but does not gate: too near the border", found.printed)


def test_the_decorator_needs_no_run_to_name_the_claims() -> None:
    mark = parametrize_with_claims("nowhere.py", only=["KL", "REP-01"], expected_failures={"KL-01": "why"}).mark
    names, sets = mark.args
    assert names == "check"
    assert [one.id for one in sets] == ["KL-01", "KL-02", "KL-03", "KL-04", "KL-05", "REP-01"]
    assert [len(one.marks) for one in sets] == [1, 0, 0, 0, 0, 0]
    check = sets[0].values[0]
    assert isinstance(check, ClaimCheck)
    assert repr(check).startswith("<check KL-01: ")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"only": "KL-77"}, "KL-77 is neither a claim nor an area"),
        ({"expected_failures": {"KL-77": "why"}}, "KL-77, which is no claim"),
        ({"expected_failures": {"KL-01": " "}}, "KL-01 needs a reason"),
        ({"profile": "fast"}, "'fast' is none of"),
    ],
)
def test_what_is_wrong_is_said_when_tests_are_collected(options: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parametrize_with_claims("nowhere.py", **options)  # type: ignore[arg-type]
