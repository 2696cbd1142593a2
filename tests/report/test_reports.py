"""The record of a run, and the reports that machines read."""

from __future__ import annotations

import json
import os
import stat
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
from consoles import console
from report_samples import OPTIONS, REPORTS, mixed, report_on, verdict

from vae_conformance.config import values as choices
from vae_conformance.errors import Unbound
from vae_conformance.exit_codes import ExitCode
from vae_conformance.report.files import refuse_unwritable, write_atomically
from vae_conformance.report.html.page import render_html
from vae_conformance.report.json_report import as_document, render_json, schema
from vae_conformance.report.junit import render_junit
from vae_conformance.report.markdown import render_markdown
from vae_conformance.report.sarif import render_sarif
from vae_conformance.report.summary import postponed_words
from vae_conformance.report.terminal import render_terminal
from vae_spec.claim import Profile
from vae_spec.mistakes import MISTAKES
from vae_spec.outcomes import Level, Outcome
from vae_spec.subject import Likelihood


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


def test_the_claim_nearest_to_the_cause_names_the_mistake() -> None:
    (first,) = mixed().diagnoses
    assert (first.mistake, first.confidence) == ("kl-sign", 0.75)
    assert set(first.evidence) == {"KL-01", "KL-02", "KL-03"}
    assert first.explanation == MISTAKES["kl-sign"].what


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
        "postponed": ExitCode.VIOLATES,
        "stopped": ExitCode.INTERRUPTED,
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
        {"schema_version": 1},
        {"verdict": "interrupted"},
        {"postponed": {"claims": []}},
        {"verdict": "conforms"},
        {"claims": [{}]},
        {"exit_code": 7},
    ],
)
def test_the_schema_refuses_what_no_report_says(change: dict[str, object]) -> None:
    document = {**as_document(REPORTS["mixed"]), **change}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(schema()).validate(json.loads(json.dumps(document, allow_nan=True)))


def skipped(root: ET.Element) -> int:
    assert root.get("skipped") is None, "strict readers let the root have no such count"
    return sum(int(suite.get("skipped", "0")) for suite in root)


def test_junit_follows_the_gate_and_a_stop_at_the_first_violation() -> None:
    lenient = ET.fromstring(
        render_junit(report_on(verdict("TRN-01", Outcome.VIOLATED, level=Level.EXPECTED), options=replace(OPTIONS, gate="required")))
    )
    assert lenient.get("failures") == "0"
    stopped = report_on(verdict("KL-01", Outcome.VIOLATED), options=replace(OPTIONS, fail_fast=True), missing=("KL-02",))
    root = ET.fromstring(render_junit(stopped))
    assert (root.get("failures"), root.get("errors"), skipped(root)) == ("1", "0", 1)


def test_claims_that_were_left_out_are_skipped_in_junit_with_what_to_fix_first() -> None:
    root = ET.fromstring(render_junit(REPORTS["postponed"]))
    assert (root.get("tests"), root.get("failures"), root.get("errors"), skipped(root)) == ("6", "2", "0", 3)
    assert {entry.get("message") for entry in root.iter("skipped")} == {"fix KL-02, KL-03 first; --keep-going asks it all the same"}


@pytest.mark.parametrize("outcome", [Outcome.VIOLATED, Outcome.NOT_ASKED])
def test_an_expected_failure_that_was_not_asked_stays_so(outcome: Outcome) -> None:
    options = replace(OPTIONS, expected_failures={"TRN-01": "short"})
    report = report_on(verdict("KL-01", outcome), verdict("TRN-01", Outcome.NOT_ASKED), options=options)
    assert report.claims[1].outcome is Outcome.NOT_ASKED
    assert report.postponed.fix_first == (("KL-01",) if outcome is Outcome.VIOLATED else ())


def test_the_words_for_one_claim_that_was_left_out() -> None:
    report = report_on(verdict("KL-01", Outcome.VIOLATED), verdict("TRN-01", Outcome.NOT_ASKED))
    assert postponed_words(report) == "1 claim on training was not asked: fix this first; --keep-going asks it too"
    assert postponed_words(REPORTS["mixed"]) == ""


def test_junit_counts_one_problem_once_however_many_claims_it_kept_from_being_asked() -> None:
    unbound = replace(REPORTS["unbound"], missing=("KL-01", "KL-02"))
    root = ET.fromstring(render_junit(unbound))
    assert (root.get("tests"), root.get("errors"), skipped(root)) == ("3", "1", 2)


def test_junit_takes_any_text() -> None:
    nasty = "<&> ]]> \x00 \x1b[31m \ud800 \N{GREEK SMALL LETTER SIGMA}"
    root = ET.fromstring(render_junit(report_on(verdict("KL-01", Outcome.VIOLATED, nasty))))
    failure = next(root.iter("failure"))
    assert failure.text is not None
    assert "<&> ]]>" in failure.text
    assert "\N{GREEK SMALL LETTER SIGMA}" in failure.text


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


def test_the_names_that_the_light_parent_keeps_are_those_of_the_specification() -> None:
    assert tuple(Likelihood) == choices.LIKELIHOODS
    assert tuple(Profile) == choices.PROFILES


def test_what_a_nearer_claim_says_of_the_cause_counts_in_every_report() -> None:
    report = report_on(
        verdict("REP-01", Outcome.VIOLATED, diagnosis="std-no-half", hint="its own hint"),
        verdict("REP-02", Outcome.VIOLATED, diagnosis="eps-shrunk", hint="a hint that leads astray", advice="an advice"),
    )
    own, explained = report.claims
    assert (own.explained, own.mend) == (None, "its own hint")
    assert explained.explained == report.diagnoses[0]
    assert explained.cause == f"std-no-half, as REP-01 says: {MISTAKES['std-no-half'].what}"
    for text in (
        render_terminal(report, console(200)),
        render_html(report),
        render_markdown(report),
        render_sarif(report),
        render_junit(report),
    ):
        assert "eps-shrunk" not in text
        assert "leads astray" not in text
    assert json.loads(render_json(report))["claims"][1]["diagnosis"] == "eps-shrunk", "what the claim itself says stays on record"
