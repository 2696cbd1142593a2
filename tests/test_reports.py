"""The record of a run, and the reports written from it."""

from __future__ import annotations

import io
import json
import os
import stat
import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

from vae_conformance import choices
from vae_conformance.errors import Unbound
from vae_conformance.events import Bound, ClaimVerdict, Event, NotBound, Progress, Promised, Started, SuiteError
from vae_conformance.exit_codes import ExitCode
from vae_conformance.ledger import Proceedings
from vae_conformance.options import RunOptions
from vae_conformance.report.files import refuse_unwritable, write_atomically
from vae_conformance.report.json_report import as_document, render_json, schema
from vae_conformance.report.junit import render_junit
from vae_conformance.report.layout import Layout, number
from vae_conformance.report.listing import render_binding, render_claim, render_claims, render_implementations
from vae_conformance.report.progress import ProgressLine
from vae_conformance.report.record import Report, assemble
from vae_conformance.report.terminal import render_terminal, repeat_command
from vae_spec.claim import AREAS, Claim, Profile
from vae_spec.documents import basics, notes
from vae_spec.mistakes import MISTAKES
from vae_spec.outcomes import Level, Outcome, holds
from vae_spec.subject import Likelihood, Part

BOUND = Bound(
    {
        "target": "student.py:VAE",
        "name": "VAE",
        "binding": {
            "parts": {"encode": {"standing": "present", "account": "encode(x)"}, "loss": "absent"},
            "notes": ["the second head is a log-variance"],
            "loss": None,
        },
        "effective_beta": None,
        "likelihood": "bernoulli",
        "parameters": 1_234_567,
        "input_shape": [1, 28, 28],
        "latent_dim": 16,
        "more": "left out",
    },
    {"python": "3.11.0", "torch": "2.13.0", "device": "cpu", "threads": 2},
)
OPTIONS = RunOptions("student.py:VAE", seed=8435)


def verdict(
    claim: str, outcome: Outcome, message: str = "as it should be", *, level: Level = Level.REQUIRED, **more: object
) -> ClaimVerdict:
    plain = ClaimVerdict(
        claim,
        f"the title of {claim}",
        level,
        "Deep Learning Notes 13.4, objective",
        outcome,
        message,
        decision="by an identity",
        smallest_effect="1 %",
        duration_s=0.25,
    )
    return replace(plain, **more)  # type: ignore[arg-type]


MISSING_HALF = verdict(
    "KL-02",
    Outcome.VIOLATED,
    "closed form 1.374, Monte Carlo 0.687 ± 0.002",
    diagnosis="missing-half",
    statement="the closed-form KL equals the Monte Carlo estimate",
    hint="put the factor 1/2 back",
    measured={"ratio": 2.0004321, "n": 65536},
    expected={"ratio": 1, "margin": float("inf")},
    level_of_error=1e-8,
)
MIXED = (
    verdict("REP-01", Outcome.HOLDS, level_of_error=1e-8),
    MISSING_HALF,
    verdict("KL-03", Outcome.VIOLATED, "the ratio is 2.00", diagnosis="missing-half"),
    verdict("KL-01", Outcome.VIOLATED, "negative", diagnosis="kl-sign"),
    verdict("OBJ-02", Outcome.VIOLATED, "weighed 0.1"),
    verdict("OBJ-01", Outcome.HOLDS),
    verdict("TRN-01", Outcome.INCONCLUSIVE, "too near the border", level=Level.EXPECTED, measured={"drop": 0.5}),
    verdict("TRN-02", Outcome.NOT_APPLICABLE, "it cannot be trained", level=Level.EXPECTED),
    verdict("LAT-03", Outcome.VIOLATED, "islands", level=Level.INFORMATIONAL),
)


def report_on(
    *verdicts: ClaimVerdict, options: RunOptions = OPTIONS, missing: tuple[str, ...] = (), **more: object
) -> Report:
    promised = (*(entry.claim for entry in verdicts), *missing)
    return assemble(Proceedings(BOUND, promised, verdicts, **more), options, duration_s=12.34)  # type: ignore[arg-type]


def mixed(**more: object) -> Report:
    options = replace(OPTIONS, expected_failures={"OBJ-02": "0.1 on purpose", "OBJ-01": "was broken once"})
    return report_on(*MIXED, options=options, **more)


REPORTS = {
    "mixed": mixed(missing=("SMP-01",)),
    "good": report_on(verdict("KL-01", Outcome.HOLDS)),
    "error": report_on(verdict("KL-01", Outcome.ERROR, "a fault")),
    "unbound": assemble(
        Proceedings(not_bound=NotBound("no class in student.py", "name one: student.py:VAE")), OPTIONS, duration_s=0.1
    ),
    "broken": report_on(suite_error=SuiteError("pytest failed", "line 1\nline 2\x1b[0m")),
}


def test_claims_stand_in_the_order_of_areas_and_ids() -> None:
    assert [claim.id for claim in mixed().claims] == [
        "OBJ-01",
        "OBJ-02",
        "KL-01",
        "KL-02",
        "KL-03",
        "REP-01",
        "TRN-01",
        "TRN-02",
        "LAT-03",
    ]


def test_expected_failures_rename_outcomes() -> None:
    outcomes = {claim.id: (claim.outcome, claim.reason) for claim in mixed().claims}
    assert outcomes["OBJ-02"] == (Outcome.EXPECTED_FAILURE, "0.1 on purpose")
    assert outcomes["OBJ-01"] == (Outcome.UNEXPECTED_PASS, "was broken once")
    assert outcomes["KL-02"] == (Outcome.VIOLATED, "")


@pytest.mark.parametrize("outcome", [Outcome.INCONCLUSIVE, Outcome.NOT_APPLICABLE, Outcome.ERROR])
def test_an_expected_failure_excuses_nothing_but_a_violation(outcome: Outcome) -> None:
    report = report_on(verdict("KL-01", outcome), options=replace(OPTIONS, expected_failures={"KL-01": "why"}))
    assert report.claims[0].outcome is outcome


def test_diagnoses_rank_the_mistakes_by_the_claims_that_name_them() -> None:
    first, second = mixed().diagnoses
    assert (first.mistake, first.evidence, first.confidence) == ("missing-half", ("KL-02", "KL-03"), 0.5)
    assert (second.mistake, second.evidence, second.confidence) == ("kl-sign", ("KL-01",), 0.25)
    assert first.explanation == MISTAKES["missing-half"].what


def test_a_diagnosis_that_the_registry_does_not_know_is_kept() -> None:
    (diagnosis,) = report_on(verdict("KL-01", Outcome.VIOLATED, diagnosis="news")).diagnoses
    assert (diagnosis.mistake, diagnosis.explanation, diagnosis.confidence) == ("news", "", 1.0)


def test_exit_codes_of_whole_reports() -> None:
    codes = {name: report.exit_code for name, report in REPORTS.items()}
    assert codes == {
        "mixed": ExitCode.VIOLATES,
        "good": ExitCode.CONFORMS,
        "error": ExitCode.ERROR,
        "unbound": ExitCode.UNBOUND,
        "broken": ExitCode.ERROR,
    }
    assert report_on(verdict("KL-01", Outcome.HOLDS), missing=("KL-02",)).exit_code == ExitCode.INCOMPLETE


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())


@pytest.mark.parametrize("name", REPORTS)
def test_every_report_is_valid_json_by_the_schema(name: str) -> None:
    def refuse(constant: str) -> None:
        pytest.fail(f"{constant} is no JSON")

    document = json.loads(render_json(REPORTS[name]), parse_constant=refuse)
    jsonschema.Draft202012Validator(schema()).validate(document)
    assert document["exit_code"] == REPORTS[name].exit_code
    assert document["implementation"]["target"] == "student.py:VAE"
    assert sum(document["summary"].values()) == len(document["claims"])


@pytest.mark.parametrize(
    "change",
    [
        {"more": 1},
        {"verdict": "splendid"},
        {"schema_version": 2},
        {"verdict": "conforms"},
        {"claims": [{}]},
        {"exit_code": 7},
    ],
)
def test_the_schema_refuses_what_no_report_says(change: dict[str, object]) -> None:
    document = {**as_document(REPORTS["mixed"]), **change}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(schema()).validate(json.loads(json.dumps(document, allow_nan=True)))


def test_json_says_what_the_record_says() -> None:
    document = json.loads(render_json(REPORTS["mixed"]))
    claim = next(entry for entry in document["claims"] if entry["id"] == "KL-02")
    assert claim["measured"] == {"ratio": 2.0004321, "n": 65536}
    assert claim["expected"] == {"ratio": 1, "margin": "inf"}
    assert (claim["decision"], claim["smallest_effect"], claim["level_of_error"]) == ("by an identity", "1 %", 1e-8)
    assert document["environment"]["seed"] == 8435
    assert document["missing"] == ["SMP-01"]
    assert document["error_budget"] == {
        "exact_tail_false_alarm_probability": 1e-6,
        "exact_tail_level_given_out": 2e-8,
        "exact_tail_claims": 2,
    }


def test_the_terminal_shows_a_violation_in_full() -> None:
    text = render_terminal(mixed(), Layout(100))
    block = text[text.index("KL-02   required") : text.index("KL-03   required")].splitlines()
    assert block[0].split() == ["KL-02", "required", "Deep", "Learning", "Notes", "13.4,", "objective", "VIOLATED"]
    assert len(block[0]) == 100
    assert block[1:-1] == [
        "  the closed-form KL equals the Monte Carlo estimate",
        "  closed form 1.374, Monte Carlo 0.687 ± 0.002",
        "  measured  ratio 2, n 65 536",
        "  expected  ratio 1, margin inf",
        "  most likely: missing-half: the KL lacks its factor 1/2",
        "  hint: put the factor 1/2 back",
        "  repeat: vae-conformance run student.py:VAE --only KL-02 --seed 8435",
    ]


def test_the_terminal_shows_what_holds_on_one_line_under_its_heading() -> None:
    lines = render_terminal(REPORTS["good"], Layout(100)).splitlines()
    assert lines[lines.index("KL divergence") + 1].split() == [
        "KL-01",
        "required",
        "the",
        "title",
        "of",
        "KL-01",
        "holds",
    ]
    assert lines[-1] == "  exit code 0: every claim that gates holds"
    assert lines[0] == "student.py:VAE: 1 234 567 parameters, 16 latent dimensions, likelihood bernoulli"


def test_the_terminal_gives_reasons_for_all_that_neither_holds_nor_is_violated() -> None:
    text = render_terminal(mixed(missing=("SMP-01",)), Layout(100))
    for reason in (
        "too near the border",
        "measured drop 0.5",
        "it cannot be trained",
        "listed: 0.1 on purpose",
        "take it out of the expected failures",
        "VIOLATED (does not gate)",
        "not asked: SMP-01",
        "seed 8435, profile quick, data digits, 12.3 s",
        "required and expected claims gate",
        "at most 1e-06 false alarms",
        "mend: kl = -0.5",
        "2 of 4 violated claims: KL-02, KL-03",
    ):
        assert reason in text
    assert (
        "9 claims: 1 holds, 4 violated, 1 inconclusive, 1 not applicable, 1 expected failure, 1 unexpected pass"
        in " ".join(text.split())
    )


def test_the_terminal_says_why_nothing_could_be_judged() -> None:
    unbound = render_terminal(REPORTS["unbound"], Layout(100))
    assert "no class in student.py\n  name one: student.py:VAE" in unbound
    assert "exit code 2:" in unbound
    assert "  | line 1\n  | line 2" in render_terminal(REPORTS["broken"], Layout(100))


@pytest.mark.parametrize("width", [40, 60, 100, 200])
def test_lines_fit_the_terminal_but_for_commands(width: int) -> None:
    text = render_terminal(mixed(), Layout(width))
    assert [line for line in text.splitlines() if len(line) > width and "repeat:" not in line] == []


def test_colour_changes_nothing_but_colour() -> None:
    plain, coloured = (render_terminal(mixed(), Layout(100, colour)) for colour in (False, True))
    assert "\x1b[" not in plain
    stripped = coloured
    for code in ("31", "32", "33", "1", "2", "0"):
        stripped = stripped.replace(f"\x1b[{code}m", "")
    assert stripped == plain
    assert stripped != coloured


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "environment", "colour"),
    [
        (Terminal(), {}, True),
        (Terminal(), {"NO_COLOR": "1"}, False),
        (Terminal(), {"NO_COLOR": ""}, True),
        (Terminal(), {"TERM": "dumb"}, False),
        (io.StringIO(), {}, False),
    ],
)
def test_colours_are_for_terminals_that_want_them(
    stream: io.StringIO, environment: dict[str, str], colour: bool
) -> None:
    assert Layout.of(stream, environment).colour is colour


def test_the_repeat_command_holds_all_that_bears_on_the_outcome() -> None:
    options = RunOptions(
        "my vae.py",
        seed=7,
        profile="full",
        dataset="mnist",
        effective_beta=0.5,
        input_shape=(1, 28, 28),
        input_range=(-1.0, 1.0),
        gate="required",
        fail_fast=True,
    )
    assert repeat_command(options, "KL-02") == (
        "vae-conformance run 'my vae.py' --only KL-02 --seed 7 --profile full --dataset mnist --effective-beta 0.5 "
        "--input-shape 1,28,28 --input-range -1,1"
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1, "1"),
        (65536, "65 536"),
        (0.123456, "0.1235"),
        (1e-9, "1e-09"),
        (True, "yes"),
        (None, "none"),
        ("as is", "as is"),
        (float("nan"), "nan"),
    ],
)
def test_numbers_are_readable(value: float | str | None, text: str) -> None:
    assert number(value) == text


def test_junit_has_a_suite_for_each_area_and_counts_right() -> None:
    root = ET.fromstring(render_junit(mixed(missing=("SMP-01",))))
    assert [suite.get("name") for suite in root] == [
        "Objective",
        "KL divergence",
        "Sampling step",
        "Training",
        "Latent space",
        "The run",
    ]
    assert {kind: root.get(kind) for kind in ("tests", "failures", "errors", "skipped")} == {
        "tests": "10",
        "failures": "5",
        "errors": "1",
        "skipped": "3",
    }
    kinds = {
        case.get("name", "")[:6]: (case[0].tag, case[0].get("type")) for case in root.iter("testcase") if len(case)
    }
    assert kinds == {
        "OBJ-01": ("failure", "unexpected-pass"),
        "OBJ-02": ("skipped", "expected-failure"),
        "KL-01 ": ("failure", "violated"),
        "KL-02 ": ("failure", "violated"),
        "KL-03 ": ("failure", "violated"),
        "TRN-01": ("failure", "inconclusive"),
        "TRN-02": ("skipped", "not-applicable"),
        "LAT-03": ("skipped", "violated"),
        "SMP-01": ("error", "incomplete"),
    }


def test_junit_follows_the_gate_and_a_stop_at_the_first_violation() -> None:
    lenient = ET.fromstring(
        render_junit(
            report_on(
                verdict("TRN-01", Outcome.VIOLATED, level=Level.EXPECTED), options=replace(OPTIONS, gate="required")
            )
        )
    )
    assert lenient.get("failures") == "0"
    stopped = report_on(
        verdict("KL-01", Outcome.VIOLATED), options=replace(OPTIONS, fail_fast=True), missing=("KL-02",)
    )
    root = ET.fromstring(render_junit(stopped))
    assert (root.get("failures"), root.get("errors"), root.get("skipped")) == ("1", "0", "1")


def test_junit_takes_any_text() -> None:
    nasty = "<&> ]]> \x00 \x1b[31m \ud800 \N{GREEK SMALL LETTER SIGMA}"
    root = ET.fromstring(render_junit(report_on(verdict("KL-01", Outcome.VIOLATED, nasty))))
    failure = next(root.iter("failure"))
    assert failure.text is not None
    assert "<&> ]]>" in failure.text
    assert "\N{GREEK SMALL LETTER SIGMA}" in failure.text


@pytest.mark.parametrize("name", ["unbound", "broken", "error"])
def test_junit_shows_what_kept_a_run_from_its_verdicts(name: str) -> None:
    root = ET.fromstring(render_junit(REPORTS[name]))
    assert root.get("errors") == "1"


def test_files_are_replaced_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "report.json"
    write_atomically(path, "old")
    path.chmod(0o640)
    write_atomically(path, "σ\n")
    assert path.read_bytes() == "σ\n".encode()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640

    def fail(_self: Path, _target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="No space"):
        write_atomically(path, "new")
    assert path.read_text(encoding="utf-8") == "σ\n"
    assert [entry.name for entry in tmp_path.iterdir()] == ["report.json"]


def test_new_files_are_as_readable_as_any(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("")
    write_atomically(tmp_path / "report", "")
    assert (tmp_path / "report").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_symbolic_link_keeps_standing(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "there")
    write_atomically(tmp_path / "link", "text")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "there").read_text() == "text"


def test_paths_that_take_no_file_are_refused(tmp_path: Path) -> None:
    refuse_unwritable(tmp_path / "fine.json")
    assert list(tmp_path.iterdir()) == []
    for path, word in ((tmp_path, "folder"), (tmp_path / "none" / "a.json", "no folder"), (Path(os.devnull), "device")):
        with pytest.raises(Unbound, match=word):
            refuse_unwritable(path)


EVENTS: list[Event] = [
    Bound({}, {}),
    Promised(("KL-01", "KL-02")),
    Started("KL-01"),
    verdict("KL-01", Outcome.HOLDS),
    Progress("training,\nstep 3"),
]


def test_progress_rewrites_one_line_on_a_terminal() -> None:
    stream = Terminal()
    progress = ProgressLine(stream, width=24)
    for event in EVENTS:
        progress(event)
    progress.close()
    shown = stream.getvalue().split("\r\x1b[2K")
    assert shown == [
        "",
        "bound",
        "0/2 claims bound",
        "0/2 claims KL-01",
        "1/2 claims KL-01 holds",
        "1/2 claims training, st",
        "",
    ]


def test_progress_elsewhere_is_a_line_now_and_then() -> None:
    stream, now = io.StringIO(), iter([0.0, 1.0, 2.0, 6.0, 7.0])
    progress = ProgressLine(stream, clock=lambda: next(now))
    for event in EVENTS:
        progress(event)
    progress.close()
    assert stream.getvalue() == "bound\n1/2 claims KL-01 holds\n"


def make_claim(identifier: str) -> Claim:
    return Claim(
        identifier,
        "a title " * 12,
        Level.REQUIRED,
        "what is claimed",
        (basics("loss"), notes("13.4.7")),
        "why it is",
        "what to do",
        "how",
        ("missing-half",),
        (Part.LOSS,),
        check=lambda _subject, _trial: holds("so"),
    )


def test_the_list_of_claims_and_one_in_full() -> None:
    listed = render_claims({name: make_claim(name) for name in ("COL-01", "OBJ-02", "OBJ-01")}, Layout(80))
    assert [line.split()[:3] for line in listed.splitlines() if "-0" in line] == [
        [name, "required", "exact"] for name in ("OBJ-01", "OBJ-02", "COL-01")
    ]
    assert listed.startswith("Objective\n")
    assert max(map(len, listed.splitlines())) <= 80
    full = render_claim(make_claim("OBJ-01"), Layout(100))
    for part in (
        "what is claimed",
        "VAE Basics 6.6.3, loss",
        "why it is",
        "what to do",
        "how",
        f"missing-half: {MISTAKES['missing-half'].what}",
        "loss",
    ):
        assert part in full


def test_the_binding_shows_parts_facts_and_notes() -> None:
    text = render_binding(BOUND.implementation, BOUND.environment, Layout(100))
    for part in (
        "encode  present: encode(x)",
        "loss    absent",
        "1, 28, 28",
        "1 234 567",
        "effective beta      unknown",
        "the second head is a log-variance",
        "torch 2.13.0",
    ):
        assert part in text


def test_the_list_of_implementations() -> None:
    assert (
        render_implementations([("tiny", "a:B"), ("reference", "a:C")], Layout()) == "reference  a:C\ntiny       a:B\n"
    )
    assert "no implementation is registered" in render_implementations([], Layout())


def test_the_names_that_the_light_parent_keeps_are_those_of_the_specification() -> None:
    assert list(choices.AREAS.items()) == list(AREAS.items())
    assert tuple(Likelihood) == choices.LIKELIHOODS
    assert tuple(Profile) == choices.PROFILES


def test_the_report_needs_no_pytorch() -> None:
    code = (
        "import sys; from vae_conformance.report import junit, json_report, terminal, listing, progress; "
        "json_report.schema(); print('torch' in sys.modules)"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
        == "False"
    )
