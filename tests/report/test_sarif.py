"""The report as SARIF: the structure that the standard's schema asks for, and what a server shows of it."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from report_samples import LOSS, OPTIONS, REPORTS, placed, report_on, verdict

from vae_conformance.location import Location
from vae_conformance.report.sarif import render_sarif
from vae_conformance.runner.record import RunRecord
from vae_conformance.target.spec import parse_target
from vae_spec.outcomes import Level, Outcome

LEVELS = {"none", "note", "warning", "error"}
PROPERTIES = {
    "log": {"$schema", "version", "runs"},
    "run": {"tool", "invocations", "originalUriBaseIds", "columnKind", "results", "properties"},
    "driver": {"name", "semanticVersion", "rules"},
    "rule": {"id", "shortDescription", "fullDescription", "help", "defaultConfiguration", "properties"},
    "result": {
        "ruleId",
        "ruleIndex",
        "level",
        "message",
        "locations",
        "relatedLocations",
        "partialFingerprints",
        "suppressions",
        "properties",
    },
    "location": {"id", "physicalLocation", "logicalLocations", "message"},
    "invocation": {"executionSuccessful", "exitCode", "exitCodeDescription", "toolExecutionNotifications"},
    "suppression": {"kind", "status", "justification"},
}
"""Names that the standard's schema knows, of those that this project uses: it allows no others beside them."""


def run_of(report: RunRecord) -> dict[str, Any]:
    """The one run of the document, after the checks of `assert_sarif`."""
    document = json.loads(render_sarif(report), parse_constant=lambda constant: pytest.fail(f"{constant} is no JSON"))
    assert_sarif(document)
    (run,) = document["runs"]
    return run


def assert_sarif(document: dict[str, Any]) -> None:
    """What the schema of SARIF 2.1.0 demands of those objects that the reports have."""
    assert document.keys() <= PROPERTIES["log"]
    assert document["version"] == "2.1.0"
    assert urlsplit(document["$schema"]).path.endswith("/sarif-schema-2.1.0.json")
    for run in document["runs"]:
        assert run.keys() <= PROPERTIES["run"]
        assert run["columnKind"] in ("utf16CodeUnits", "unicodeCodePoints")
        driver = run["tool"]["driver"]
        assert driver.keys() <= PROPERTIES["driver"]
        assert driver["name"]
        assert re.fullmatch(r"\d+\.\d+\.\d+\S*", driver["semanticVersion"])
        assert len({rule["id"] for rule in driver["rules"]}) == len(driver["rules"])
        for rule in driver["rules"]:
            assert rule.keys() <= PROPERTIES["rule"]
            assert all(rule[name]["text"] for name in ("shortDescription", "fullDescription", "help"))
            assert rule["defaultConfiguration"]["level"] in LEVELS
            assert len(set(rule["properties"]["tags"])) == len(rule["properties"]["tags"])
        for invocation in run["invocations"]:
            assert invocation.keys() <= PROPERTIES["invocation"]
            assert isinstance(invocation["executionSuccessful"], bool)
            assert isinstance(invocation["exitCode"], int)
            for note in invocation["toolExecutionNotifications"]:
                assert note.keys() == {"level", "message"}
                assert note["level"] in LEVELS
                assert note["message"]["text"]
        for result in run["results"]:
            assert_result(result, driver["rules"], run["originalUriBaseIds"])


def assert_result(result: dict[str, Any], rules: list[dict[str, Any]], bases: dict[str, Any]) -> None:
    assert result.keys() <= PROPERTIES["result"]
    assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
    assert result["level"] in LEVELS
    assert result["message"]["text"]
    assert all(isinstance(value, str) for value in result["partialFingerprints"].values())
    for suppression in result.get("suppressions", ()):
        assert suppression.keys() <= PROPERTIES["suppression"]
        assert suppression["kind"] in ("inSource", "external")
        assert suppression["status"] in ("accepted", "underReview", "rejected")
    for location in (*result["locations"], *result.get("relatedLocations", ())):
        assert location.keys() <= PROPERTIES["location"]
        artifact = location["physicalLocation"]["artifactLocation"]
        assert re.fullmatch(r"[\w.~/%:()@!$&'*+,;=-]+", artifact["uri"]), "a URI reference, percent-encoded"
        assert ("uriBaseId" in artifact) is not artifact["uri"].startswith("file:///")
        assert artifact.get("uriBaseId") in {*bases, None}
        assert location["physicalLocation"]["region"]["startLine"] >= 1
        assert all(one["fullyQualifiedName"] for one in location["logicalLocations"])


def by_claim(run: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {result["ruleId"]: result for result in run["results"]}


@pytest.mark.parametrize("name", REPORTS)
def test_every_report_has_the_standard_s_structure(name: str) -> None:
    run = run_of(REPORTS[name])
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == [claim.id for claim in REPORTS[name].claims]
    assert run["invocations"][0]["exitCode"] == REPORTS[name].exit_code
    assert run["invocations"][0]["executionSuccessful"] is (name in ("mixed", "good", "postponed"))


def test_levels_follow_the_gate() -> None:
    lenient = report_on(verdict("TRN-01", Outcome.VIOLATED, level=Level.EXPECTED), options=replace(OPTIONS, gate="required"))
    assert run_of(lenient)["results"][0]["level"] == "note"


@pytest.mark.parametrize(
    ("file", "uri"),
    [
        ("a b/ä#?.py", "a%20b/%C3%A4%23%3F.py"),
        ("/opt/x/a b.py", "file:///opt/x/a%20b.py"),
        ("models/vae.py", "models/vae.py"),
    ],
)
def test_paths_become_uris(file: str, uri: str) -> None:
    report = placed(verdict("KL-01", Outcome.VIOLATED, parts=("loss",)), LOSS=Location(file, 3, "VAE.loss"))
    assert run_of(report)["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == uri


def test_a_notebook_s_annotation_stands_at_its_top_and_says_the_cell() -> None:
    report = placed(verdict("KL-01", Outcome.VIOLATED, parts=("loss",)), LOSS=Location("h.ipynb", 5, "VAE.loss", 3))
    (result,) = run_of(report)["results"]
    assert result["locations"][0]["physicalLocation"]["region"] == {"startLine": 1}
    assert "Where: h.ipynb, cell 3, line 5 (VAE.loss)" in result["message"]["text"]


@pytest.mark.parametrize(
    ("target", "uri"), [("student.py:VAE", "student.py"), ("deep/h.ipynb", "deep/h.ipynb"), ("package.module:VAE", None), ("tiny", None)]
)
def test_without_a_line_the_target_s_file_stands_for_it(
    target: str, uri: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (result,) = run_of(report_on(verdict("KL-01", Outcome.VIOLATED), options=replace(OPTIONS, target=parse_target(target))))["results"]
    assert [one["physicalLocation"]["artifactLocation"]["uri"] for one in result["locations"]] == ([] if uri is None else [uri])


def test_a_finding_keeps_its_fingerprint_while_lines_move() -> None:
    def fingerprint(claim: str, place: Location) -> dict[str, str]:
        report = placed(verdict(claim, Outcome.VIOLATED, parts=("loss",)), LOSS=place)
        return run_of(report)["results"][0]["partialFingerprints"]

    assert fingerprint("KL-01", LOSS) == fingerprint("KL-01", replace(LOSS, line=99))
    assert len({str(fingerprint(*one)) for one in (("KL-01", LOSS), ("KL-02", LOSS), ("KL-01", replace(LOSS, name="loss")))}) == 3


def test_nothing_in_a_message_is_read_as_a_link_or_a_placeholder() -> None:
    report = report_on(verdict("KL-01", Outcome.VIOLATED, r"[x](1) {0} C:\new"))
    assert r"\[x\](1) {{0}} C:\\new" in run_of(report)["results"][0]["message"]["text"]
