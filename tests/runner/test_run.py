"""The command from end to end: somebody's file in, verdicts, reports and an exit code out."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from student_files import GOOD, LOSS, changed

from vae_spec.claim import Profile
from vae_spec.registry import select

FORWARD = "        mu, logvar = self.encode(x)\n"
DECODE = "        return self.layers(z).view(-1, 1, 8, 8)\n"


SCHEMA = json.loads(files("vae_conformance").joinpath("report", "schema", "report-2.schema.json").read_text())


@dataclass(frozen=True)
class Ran:
    """How the command ended: exit code, standard output and error, and its reports."""

    code: int
    out: str
    err: str
    report: dict[str, Any]
    junit: ET.Element

    @property
    def outcomes(self) -> dict[str, str]:
        return {claim["id"]: claim["outcome"] for claim in self.report["claims"]}

    def message(self, claim: str) -> str:
        return next(str(entry["message"]) for entry in self.report["claims"] if entry["id"] == claim)

    @property
    def problem(self) -> str:
        """The part of the terminal's report that says why nothing can be judged, on one line."""
        return " ".join(self.out.partition("Cannot be judged")[2].partition("Summary")[0].split())


@functools.cache
def ran(source: str, *arguments: str, target: str = "student.py", workers: int = 1, configuration: str = "") -> Ran:
    """Run the command on a file, or a notebook of the target's name, in a folder of its own; every report is checked against the schema."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        file = folder / (target.partition(":")[0] if ".ipynb" in target else "student.py")
        file.parent.mkdir(exist_ok=True)
        cell = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None, "source": source}
        notebook = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
        file.write_text(json.dumps(notebook) if file.suffix == ".ipynb" else source)
        (file.parent / "pyproject.toml").write_text(configuration)
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "vae_conformance.cli",
                "run",
                target,
                "--profile",
                "exact",
                "-n",
                str(workers),
                "--store",
                "store",
                "--json",
                "report.json",
                "--junit",
                "junit.xml",
                *arguments,
            ],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
        report = json.loads((folder / "report.json").read_text())
        junit = ET.parse(folder / "junit.xml").getroot()
    jsonschema.validate(report, SCHEMA)
    assert report["exit_code"] == done.returncode
    return Ran(done.returncode, done.stdout, done.stderr, report, junit)


# what conforms


def test_a_good_file_conforms_though_it_prints() -> None:
    found = ran(GOOD)
    assert (found.code, found.report["verdict"]) == (0, "conforms"), found.out
    assert set(found.outcomes) == {claim.id for claim in select(Profile.EXACT)}
    # It has no method of its own that samples, reconstructs or interpolates, and its constructor takes no latent dimension.
    open_ = {claim: outcome for claim, outcome in found.outcomes.items() if outcome != "holds"}
    assert open_ == dict.fromkeys(("SMP-05", "SMP-06", "REC-04", "INT-04", "NET-11"), "not-applicable")
    assert found.report["diagnoses"] == []
    assert found.report["implementation"]["name"] == "student.py:VAE"
    assert found.report["implementation"]["likelihood"] == "bernoulli"
    assert "importing the student's file" not in found.out
    assert "exit code 0" in found.out


def test_its_junit_has_one_case_a_claim() -> None:
    found = ran(GOOD)
    cases = list(found.junit.iter("testcase"))
    assert len(cases) == len(found.outcomes)
    assert not [case for case in cases if list(case.iter("failure")) or list(case.iter("error"))]


SOME = ("--only", "NET-01,NET-05,KL-03")


def test_two_workers_give_the_same_verdicts() -> None:
    one, two = ran(GOOD), ran(GOOD, *SOME, workers=2)
    assert two.code == 0
    assert set(two.outcomes) == set(SOME[1].split(","))
    assert two.outcomes.items() <= one.outcomes.items()
    measured = [{claim["id"]: claim["measured"] for claim in found.report["claims"] if claim["id"] in two.outcomes} for found in (one, two)]
    assert measured[0] == measured[1]


@pytest.mark.parametrize("workers", [1, 2])
def test_nothing_is_trained_while_a_required_claim_is_violated(workers: int) -> None:
    halfless = changed(("kl = 0.5 * (", "kl = ("))
    only = ("--only", "KL-01,KL-03,TRN-01,TOY-01,NET-05", "--profile", "quick")
    found = ran(halfless, *only, workers=workers)
    assert found.code == 1
    assert found.outcomes == {"KL-01": "holds", "KL-03": "violated", "NET-05": "holds", "TRN-01": "not-asked", "TOY-01": "not-applicable"}
    assert found.message("TRN-01") == "fix KL-03 first; --keep-going asks it all the same"
    assert found.report["postponed"] == {"claims": ["TRN-01"], "fix_first": ["KL-03"]}
    assert "1 claim on training was not asked: fix this first; --keep-going asks it too" in found.out
    assert "KL-03 violated: " in found.err
    assert "trains your model" not in found.err


def test_a_missing_loss_is_accepted_and_lowers_the_promise() -> None:
    found = ran(changed((LOSS, "")), "--only", "OBJ,NET-01")
    assert found.code == 0, found.out
    assert found.outcomes["NET-01"] == "holds"
    assert found.outcomes["OBJ-02"] == "not-applicable"
    assert "the suite supplies the ELBO" in found.message("OBJ-02")
    assert found.report["summary"]["not-applicable"] >= 3
    assert "not applicable" in found.out
    words = " ".join(found.out.split())
    assert "conforms as far as it was asked: " in words
    assert "do not apply; no loss was found" in words
    assert ran(changed((LOSS, "")), "--only", "OBJ,NET-01", "--require-parts").code == 4


# what cannot be judged: exit code 2


UNBOUND: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "wrong path": (GOOD, "studnet.py", ("there is no file studnet.py", "did you mean student.py?")),
    "no such class": (GOOD, "student.py:Vea", ("student.py has no Vea", "it has: VAE")),
    "two candidates": (
        GOOD + GOOD.replace("class VAE", "class OtherVAE"),
        "student.py",
        ("2 classes that could be the VAE: VAE, OtherVAE", "student.py:OtherVAE"),
    ),
    "unknown required argument": (
        changed(("def __init__(self):", "def __init__(self, banana):")),
        "student.py",
        ("needs the argument 'banana'", "Give banana a default value"),
    ),
    "syntax error": (GOOD + "\ndef broken(:\n", "student.py", ("student.py, line", "def broken(:")),
    "sys.exit at import": ("import sys\nsys.exit(0)\n", "student.py", ("called sys.exit(0)", "__main__")),
}


@pytest.mark.parametrize(("source", "target", "words"), UNBOUND.values(), ids=UNBOUND.keys())
def test_a_target_that_cannot_be_bound(source: str, target: str, words: tuple[str, ...]) -> None:
    found = ran(source, "--only", "NET-01", target=target)
    assert (found.code, found.report["verdict"]) == (2, "unbound")
    assert found.outcomes == {}
    for word in words:
        assert word in found.problem
    assert "Traceback" not in found.out + found.err


def test_a_file_that_ends_when_it_is_imported_is_judged_by_its_definitions() -> None:
    found = ran(GOOD + "\nimport sys\nsys.exit(0)\n", "--only", "NET-01")
    assert (found.code, found.outcomes) == (0, {"NET-01": "holds"})
    assert "called sys.exit(0)" in found.report["implementation"]["binding"]["notes"][0]
    assert "left out" in found.report["implementation"]["binding"]["notes"][0]


@pytest.mark.parametrize(
    "arguments",
    [("--only", "ZZZ-01"), ("--only", "net-1"), ("--expect-fail", "NET-01"), ("--profile", "all")],
    ids=" ".join,
)
def test_what_is_no_option_is_refused_in_a_line(arguments: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "student.py").write_text(GOOD)
    command = [sys.executable, "-m", "vae_conformance.cli", "run", "student.py", *arguments]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert arguments[1].upper() in done.stderr.upper()


def test_an_expected_failure_of_no_claim() -> None:
    found = ran(GOOD, "--expect-fail", "NET-77=because")
    assert found.code == 2
    assert "NET-77" in found.problem
    assert "vae-conformance claims lists them" in found.problem


# what is violated: exit code 1


def test_a_forward_that_raises_and_a_missing_decode_leave_the_rest_judged() -> None:
    source = changed(
        (FORWARD, '        raise ValueError("not yet written")\n'),
        ("def decode(", "def _to_image("),
        ("self.decode(", "self._to_image("),
    )
    found = ran(source, "--only", "NET-01,NET-02,NET-03,KL-01,REP-06")
    assert found.code == 1
    assert found.outcomes == {
        "NET-01": "holds",
        "NET-02": "violated",
        "NET-03": "violated",
        "KL-01": "holds",
        "REP-06": "holds",
    }
    assert found.message("NET-02").startswith("missing: decode")
    line = source.splitlines().index('        raise ValueError("not yet written")') + 1
    assert f"ValueError: not yet written (line {line} of student.py" in found.message("NET-03")
    failures = {str(case.get("name")) for case in found.junit.iter("testcase") if case.find("failure") is not None}
    assert {name[:6] for name in failures} == {"NET-02", "NET-03"}
    assert "repeat       vae-conformance run student.py --only NET-02" in found.out


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("        return self.layers(z).view(-1, 1, 8, 8) * float('nan')\n", "nan"),
        ("        return self.layers(z)[:, :49].view(-1, 1, 7, 7)\n", "49"),
    ],
    ids=["not a number", "wrong shape"],
)
def test_outputs_that_are_none(line: str, word: str) -> None:
    found = ran(changed((DECODE, line)), "--only", "NET-01,NET-02")
    assert found.code == 1
    assert found.outcomes == {"NET-01": "holds", "NET-02": "violated"}
    assert word in found.message("NET-02").lower()


def test_code_that_ends_the_process_and_code_that_never_ends() -> None:
    exits = "        if len(x) not in (1, 2, 4):\n            import os\n            os._exit(3)\n" + FORWARD
    hangs = "        while len(z) not in (1, 2, 4):\n            pass\n" + DECODE
    found = ran(changed((FORWARD, exits), (DECODE, hangs)), "--only", "NET-02,NET-03,KL-01", "--time-limit", "1.5")
    assert found.code == 1
    assert found.outcomes == {"NET-02": "violated", "NET-03": "violated", "KL-01": "holds"}
    assert "decode: did not return within" in found.message("NET-02")
    assert "ended the process while this claim was asked (exit status 3)" in found.message("NET-03")


@pytest.mark.parametrize("workers", [1, 2])
def test_a_forward_that_always_ends_the_process(workers: int) -> None:
    found = ran(changed((FORWARD, "        import os\n        os._exit(3)\n")), "--only", "NET-03,KL-01", workers=workers)
    assert found.code == 1
    assert found.outcomes["NET-03"] == "violated"
    assert "ended the process" in found.message("NET-03")


def test_expected_failures_pass_and_unexpected_passes_fail() -> None:
    halfless = changed(("kl = 0.5 * (", "kl = ("))
    table = '[tool.vae-conformance.expected-failures]\nKL-03 = "the half is an exercise"\n'
    expected = ran(halfless, "--only", "KL-01,KL-03", configuration=table)
    assert (expected.code, expected.outcomes) == (0, {"KL-01": "holds", "KL-03": "expected-failure"})
    assert "the half is an exercise" in expected.out
    both = ran(halfless, "--only", "KL-01,KL-03", "--expect-fail", "KL-01=it was broken once", configuration=table)
    assert (both.code, both.outcomes) == (1, {"KL-01": "unexpected-pass", "KL-03": "expected-failure"})


def test_the_configuration_beside_a_notebook_counts() -> None:
    table = '[tool.vae-conformance.expected-failures]\nKL-03 = "the half is an exercise"\n'
    halfless = changed(("kl = 0.5 * (", "kl = ("))
    found = ran(halfless, "--only", "KL-01,KL-03", target="homework/vae.ipynb:VAE", configuration=table)
    assert (found.code, found.outcomes) == (0, {"KL-01": "holds", "KL-03": "expected-failure"})


def test_a_file_that_imports_torchvision_is_judged() -> None:
    found = ran("import torchvision\nfrom torchvision import datasets, transforms\n" + changed(), "--only", "OBJ-01")
    assert (found.code, found.outcomes) == (0, {"OBJ-01": "holds"})


@pytest.mark.parametrize("workers", [1, 2])
def test_the_first_violation_ends_a_run_that_is_asked_to_fail_fast(workers: int) -> None:
    halfless = changed(("kl = 0.5 * (", "kl = ("))
    found = ran(halfless, "--only", "KL,REP", "--fail-fast", workers=workers)
    assert found.code == 1
    assert "violated" in found.outcomes.values()
    assert len(found.outcomes) < 11
