"""The report as SARIF 2.1.0, for servers that show findings next to the lines of code that they concern.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import quote

from vae_conformance.config.values import area_of
from vae_conformance.exit_codes import ExitCode
from vae_conformance.location import Location, location_in
from vae_conformance.report.json_report import dump
from vae_conformance.report.summary import whole_verdict
from vae_conformance.report.terminal import repeat_command
from vae_conformance.runner.record import ClaimReport, RunRecord, heading
from vae_spec.mistakes import MISTAKES
from vae_spec.outcomes import Level, Outcome

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_ROOT = "%SRCROOT%"
_REPORTED = (Outcome.VIOLATED, Outcome.INCONCLUSIVE, Outcome.EXPECTED_FAILURE, Outcome.UNEXPECTED_PASS)
_WEIGHT = {Level.REQUIRED: "error", Level.EXPECTED: "warning", Level.INFORMATIONAL: "note"}


def render_sarif(report: RunRecord) -> str:
    """Render the report as SARIF text that ends with a newline.

    Each claim of the run is a rule. A gating claim that is violated, or passes although it is an expected failure, is a result of level
    error; a gating claim that is inconclusive, of level warning; a claim that does not gate, of level note. An expected failure is a
    suppressed result with its reason. A problem that kept the run from its verdicts, errors of the suite, claims without a verdict, claims
    on training that were not asked and the end of a run that was stopped are notifications.
    """
    rules = [_rule(claim) for claim in report.claims]
    numbers = {claim.id: index for index, claim in enumerate(report.claims)}
    results = [_result(claim, numbers[claim.id], report) for claim in report.claims if claim.outcome in _REPORTED]
    run = {
        "tool": {"driver": {"name": "vae-conformance", "semanticVersion": version("vae-conformance"), "rules": rules}},
        "invocations": [_invocation(report)],
        "originalUriBaseIds": {_ROOT: {"description": {"text": "the folder that the command was started in"}}},
        "columnKind": "unicodeCodePoints",
        "results": results,
        "properties": {
            "target": report.options.target.text,
            "verdict": report.exit_code.verdict,
            "profile": report.options.profile,
            "seed": report.options.seed,
        },
    }
    return dump({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]})


def _rule(claim: ClaimReport) -> dict[str, Any]:
    verdict = claim.verdict
    entries = [
        ("Source", verdict.source),
        ("How it is decided", verdict.decision),
        ("Where it is violated", verdict.advice or verdict.hint),
    ]
    help_text = [f"{title}: {text}" for title, text in entries if text]
    return {
        "id": claim.id,
        "shortDescription": {"text": verdict.title or claim.id},
        "fullDescription": {"text": verdict.statement or verdict.title or claim.id},
        "help": {"text": "\n\n".join([*help_text, f"More: vae-conformance claims {claim.id}"])},
        "defaultConfiguration": {"level": _WEIGHT[verdict.level]},
        "properties": {"level": verdict.level.value, "tags": [heading(area_of(claim.id)), verdict.level.value]},
    }


def _result(claim: ClaimReport, rule: int, report: RunRecord) -> dict[str, Any]:
    places = claim.locations or _whole_file(report)
    first = places[0] if places else None
    result: dict[str, Any] = {
        "ruleId": claim.id,
        "ruleIndex": rule,
        "level": _level(claim),
        "message": {"text": _literal(_message(claim, report, first))},
        "locations": [_place(place) for place in places[:1]],
        "partialFingerprints": {"claimAndPlace/v1": _fingerprint(claim, first)},
        "properties": {"outcome": claim.outcome.value, "gates": claim.gates, "mistake": _mistake(claim, report)},
    }
    if places[1:]:
        result["relatedLocations"] = [
            {"id": number, **_place(place), "message": {"text": f"concerned too: {_literal(place.name)}"}}
            for number, place in enumerate(places[1:], start=1)
        ]
    if claim.outcome is Outcome.EXPECTED_FAILURE:
        result["suppressions"] = [{"kind": "external", "status": "accepted", "justification": claim.reason}]
    return result


def _level(claim: ClaimReport) -> str:
    """Return the SARIF level, consistent with the exit code: a result that fails the run is an error."""
    match claim.outcome:
        case Outcome.VIOLATED:
            return "error" if claim.gates else "note"
        case Outcome.UNEXPECTED_PASS:
            return "note" if claim.verdict.level is Level.INFORMATIONAL else "error"
        case Outcome.INCONCLUSIVE:
            return "warning" if claim.gates else "note"
    return "note"


def _message(claim: ClaimReport, report: RunRecord, place: Location | None) -> str:
    """Return what happened, the mistake that explains it, how to fix it, and the command that reproduces it."""
    if claim.outcome is Outcome.UNEXPECTED_PASS:
        return f"{claim.id} holds, but is listed as an expected failure ({claim.reason}): take it out of the list"
    verdict, mistake = claim.verdict, _mistake(claim, report)
    lines = [f"{claim.id} {claim.outcome.value}: {verdict.message}"]
    if mistake is not None:
        lines.append(f"Most likely {mistake}" + (f": {MISTAKES[mistake].what}" if mistake in MISTAKES else ""))
    if claim.mend:
        lines.append(f"Hint: {claim.mend}")
    if place is not None and place.cell is not None:
        lines.append(f"Where: {place}")
    return "\n".join([*lines, f"Repeat: {repeat_command(report.options, claim.id)}"])


def _mistake(claim: ClaimReport, report: RunRecord) -> str | None:
    """Return the most likely mistake among the diagnoses that rest on this claim, or else the one that the claim itself names."""
    explaining = (diagnosis.mistake for diagnosis in report.diagnoses if claim.id in diagnosis.evidence)
    return next(explaining, claim.verdict.diagnosis)


def _place(location: Location) -> dict[str, Any]:
    # Line numbers of a cell are not those of the notebook file: annotate its first line; the message names the cell.
    line = location.line if location.cell is None else 1
    return {
        "physicalLocation": {"artifactLocation": _artifact(location.file), "region": {"startLine": line}},
        "logicalLocations": [{"fullyQualifiedName": location.name}],
    }


def _artifact(file: str) -> dict[str, str]:
    path = Path(file)
    return {"uri": path.as_uri()} if path.is_absolute() else {"uri": quote(file), "uriBaseId": _ROOT}


def _whole_file(report: RunRecord) -> tuple[Location, ...]:
    """Return the first line of the target's file, if it is a file: servers do not show findings without a location."""
    target = report.options.target
    return (location_in(str(target.path), 1, target.text),) if target.is_file else ()


def _fingerprint(claim: ClaimReport, place: Location | None) -> str:
    """Return a hash that does not change when lines move, by which a server recognises findings that are not new."""
    where = "" if place is None else f"{place.file}:{place.name}"
    return hashlib.sha256(f"{claim.id} {where}".encode()).hexdigest()


def _invocation(report: RunRecord) -> dict[str, Any]:
    code = report.exit_code
    notes = [_notification("error", f"{claim.id}: {claim.verdict.message}") for claim in report.claims if claim.outcome is Outcome.ERROR]
    if report.problem is not None:
        words = (report.problem.message, report.problem.hint, report.problem.details)
        notes.insert(0, _notification("error", "\n".join(filter(None, words))))
    if report.postponed.claims or report.stopped_by:
        notes.append(_notification("warning" if report.stopped_by else "note", f"{report.options.target} {whole_verdict(report)}"))
    if report.missing:
        notes.append(_notification("warning", f"promised by the profile, but without a verdict: {', '.join(report.missing)}"))
    return {
        "executionSuccessful": code not in (ExitCode.UNBOUND, ExitCode.ERROR, ExitCode.INTERRUPTED),
        "exitCode": int(code),
        "exitCodeDescription": code.meaning,
        "toolExecutionNotifications": notes,
    }


def _notification(level: str, text: str) -> Mapping[str, Any]:
    return {"level": level, "message": {"text": _literal(text)}}


def _literal(text: str) -> str:
    """Escape the characters that SARIF reads as placeholders (3.11.5) and links (3.11.6)."""
    return re.sub(r"[{}]", lambda brace: brace[0] * 2, re.sub(r"[\\\[\]]", lambda one: "\\" + one[0], text))
