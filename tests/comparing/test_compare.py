"""Comparing reports: what counts as a regression, and what is read back."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from report_samples import MIXED, OPTIONS, REPORTS, mixed, report_on, verdict

from vae_conformance.cli.main import main
from vae_conformance.comparing.command import compare_files
from vae_conformance.comparing.comparison import Kind, compare, kind_of
from vae_conformance.comparing.stored_report import StoredClaim, StoredReport, read_report
from vae_conformance.exit_codes import ExitCode
from vae_conformance.report.json_report import as_document, render_json
from vae_conformance.runner.record import RunRecord
from vae_spec.outcomes import Level, Outcome

GOOD = REPORTS["good"]


@pytest.fixture
def stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Writes a report into the current folder and gives its path."""
    monkeypatch.chdir(tmp_path)

    def write(name: str, report: RunRecord) -> Path:
        Path(name).write_text(render_json(report), encoding="utf-8")
        return Path(name)

    return write


def claim(outcome: Outcome, *, gates: bool = True) -> StoredClaim:
    return StoredClaim("KL-01", "t", Level.REQUIRED, outcome, gates, "m")


def one(outcome: Outcome | None, **more: object) -> StoredReport:
    claims = {} if outcome is None else {"KL-01": claim(outcome, **more)}  # type: ignore[arg-type]
    return StoredReport("f", "t", "v", 0, dict.fromkeys(("profile", "dataset", "seed", "gate", "only"), ""), claims)


@pytest.mark.parametrize("after", [*Outcome, None])
def test_whatever_held_and_is_not_known_to_hold_any_more_is_a_regression(after: Outcome | None) -> None:
    held = {Outcome.HOLDS, Outcome.UNEXPECTED_PASS}
    expected = Kind.OTHER if after in held | {Outcome.EXPECTED_FAILURE} else Kind.REGRESSION
    assert kind_of(claim(Outcome.HOLDS), after) is expected
    assert kind_of(claim(Outcome.UNEXPECTED_PASS), after) is expected
    assert kind_of(claim(Outcome.HOLDS, gates=False), after) is Kind.OTHER


@pytest.mark.parametrize("before", [*Outcome, None])
@pytest.mark.parametrize("after", [*Outcome, None])
def test_only_what_held_can_regress_and_only_what_holds_now_can_improve(before: Outcome | None, after: Outcome | None) -> None:
    kind = kind_of(None if before is None else claim(before), after)
    held = (Outcome.HOLDS, Outcome.UNEXPECTED_PASS)
    assert (kind is Kind.IMPROVEMENT) is (after in held and before not in held)
    assert kind is not Kind.REGRESSION or (before in held and after not in held)


@pytest.mark.parametrize(
    ("before", "after", "code"),
    [
        (Outcome.HOLDS, Outcome.HOLDS, 0),
        (Outcome.HOLDS, Outcome.VIOLATED, 1),
        (Outcome.HOLDS, Outcome.INCONCLUSIVE, 1),
        (Outcome.HOLDS, Outcome.NOT_APPLICABLE, 1),
        (Outcome.HOLDS, None, 1),
        (Outcome.HOLDS, Outcome.EXPECTED_FAILURE, 0),
        (Outcome.VIOLATED, Outcome.VIOLATED, 0),
        (Outcome.VIOLATED, None, 0),
        (None, Outcome.VIOLATED, 0),
    ],
)
def test_the_exit_code(before: Outcome | None, after: Outcome | None, code: int) -> None:
    assert compare([one(before), one(after)]).exit_code == code


def test_the_first_of_many_is_the_baseline_of_each() -> None:
    comparison = compare([one(Outcome.HOLDS), one(Outcome.HOLDS), one(Outcome.VIOLATED), one(Outcome.VIOLATED)])
    assert [len(changes) for changes in comparison.changes] == [0, 1, 1]
    assert comparison.exit_code is ExitCode.VIOLATES
    assert comparison.labels == ("A", "B", "C", "D")
    assert compare([one(Outcome.VIOLATED), one(Outcome.HOLDS), one(Outcome.VIOLATED)]).exit_code is ExitCode.CONFORMS
    assert compare([one(Outcome.HOLDS)] * 28).labels[-3:] == ("Z", "AA", "AB")


def test_regressions_come_first_and_claims_in_the_order_of_reports(stored) -> None:
    stored("a.json", mixed())
    changed = {"REP-01": Outcome.VIOLATED, "KL-02": Outcome.HOLDS, "LAT-03": Outcome.HOLDS, "TRN-02": Outcome.VIOLATED}
    stored("b.json", report_on(*(msgspec.structs.replace(entry, outcome=changed.get(entry.claim, entry.outcome)) for entry in MIXED[:-1])))
    comparison = compare_files([Path("a.json"), Path("b.json")])
    (changes,) = comparison.changes
    assert [(change.claim.id, change.kind) for change in changes] == [
        ("REP-01", Kind.REGRESSION),
        ("KL-02", Kind.IMPROVEMENT),
        ("OBJ-01", Kind.OTHER),
        ("OBJ-02", Kind.OTHER),
        ("TRN-02", Kind.OTHER),
        ("LAT-03", Kind.OTHER),
    ]
    assert [entry.id for entry in comparison.claims] == [entry.id for entry in mixed().claims]
    assert comparison.outcomes("LAT-03") == (Outcome.VIOLATED, None)


def test_runs_that_were_asked_otherwise_are_told_apart(stored) -> None:
    stored("a.json", GOOD)
    stored("b.json", report_on(verdict("KL-01", Outcome.HOLDS), options=replace(OPTIONS, profile="exact", only=("KL",))))
    comparison = compare_files([Path("a.json"), Path("b.json")])
    assert comparison.differences == ("profile: A quick, B exact", "only: A all, B KL")
    assert compare_files([Path("a.json"), Path("a.json")]).differences == ()


@pytest.mark.parametrize("name", REPORTS)
def test_every_report_is_read_back(name: str, stored) -> None:
    report = REPORTS[name]
    read = read_report(stored("r.json", report))
    assert {claim: entry.outcome for claim, entry in read.claims.items()} == {claim.id: claim.outcome for claim in report.claims}
    assert (read.verdict, read.exit_code, read.target) == (report.exit_code.verdict, report.exit_code, "student.py:VAE")


def test_a_report_of_the_first_version_is_read_beside_one_of_the_present(stored) -> None:
    old = as_document(GOOD) | {"schema_version": 1}
    del old["postponed"], old["summary"]["not-asked"]
    Path("old.json").write_text(json.dumps(old), encoding="utf-8")
    stored("new.json", report_on(verdict("KL-01", Outcome.NOT_ASKED)))
    comparison = compare_files([Path("old.json"), Path("new.json")])
    assert comparison.outcomes("KL-01") == (Outcome.HOLDS, Outcome.NOT_ASKED)
    assert comparison.exit_code is ExitCode.VIOLATES


def broken(**changes: Any) -> str:
    return json.dumps({**as_document(mixed()), **changes}, allow_nan=True)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        (b"\xff\xfe", "not JSON"),
        ("[]", "no report"),
        ('{"implementation": {}}', "no report"),
        (broken(schema_version=3), "schema version 3, and this command reads 1 and 2"),
        (broken(schema_version="1"), "schema version '1'"),
        (broken(schema_version=True), "schema version True"),
        ('{"schema_version": 1}', "it has no 'environment'"),
        (broken(claims=[{}]), "it has no 'gates'"),
        (broken(claims=[{**as_document(GOOD)["claims"][0], "outcome": "splendid"}]), "splendid"),
        (broken(claims=[{**as_document(GOOD)["claims"][0], "gates": "no"}]), "neither true nor false"),
        (broken(claims=as_document(GOOD)["claims"] * 2), "twice"),
        (broken(claims=3), "no whole report"),
        (broken(implementation=None), "no whole report"),
        (broken(verdict=3), "3 is not a text"),
    ],
)
def test_what_is_no_report_is_one_clear_error(text: str | bytes, word: str, stored, capsys: pytest.CaptureFixture[str]) -> None:
    stored("good.json", GOOD)
    Path("bad.json").write_bytes(text if isinstance(text, bytes) else text.encode())
    assert main(["compare", "good.json", "bad.json", "--html", "c.html"]) == 2
    captured = capsys.readouterr()
    assert (captured.out, captured.err.count("\n")) == ("", 1)
    assert "bad.json" in captured.err
    assert word in captured.err
    assert not Path("c.html").exists()


@pytest.mark.parametrize(
    ("argv", "word"),
    [
        (["good.json"], "two reports"),
        (["good.json", "none.json"], "none.json cannot be read: No such file"),
        (["good.json", "."], "Is a directory"),
        (["good.json", "good.json", "--html", "none/c.html"], "there is no folder none"),
        (["good.json", "good.json", "--markdown", "."], "folder"),
        (["good.json", "good.json", "--markdown", "c", "--html", "c"], "same file"),
        (["good.json", "good.json", "--markdown", "good.json"], "one of the reports"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(argv: list[str], word: str, stored, capsys: pytest.CaptureFixture[str]) -> None:
    before = stored("good.json", GOOD).read_text()
    assert main(["compare", *argv]) == 2
    captured = capsys.readouterr()
    assert (captured.out, captured.err.count("\n")) == ("", 1)
    assert word in captured.err
    assert [path.name for path in Path().iterdir()] == ["good.json"]
    assert Path("good.json").read_text() == before


def test_a_report_cannot_steer_the_terminal(stored) -> None:
    report = report_on(verdict("KL-01", Outcome.VIOLATED, "red \x1b[31m\x07 and \u202eturned\nnext"))
    assert read_report(stored("r.json", report)).claims["KL-01"].message == "red [31m and turned\nnext"
