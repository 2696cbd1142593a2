"""The report as JUnit XML for CI servers: one test suite per area, one test case per claim."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET  # writes only
from collections.abc import Sequence

from vae_conformance.exit_codes import ExitCode
from vae_conformance.report.summary import headline, missing_words
from vae_conformance.runner.record import ClaimReport, RunRecord, heading
from vae_spec.outcomes import Level, Outcome

_NOT_XML = re.compile(r"[^\t\n\r\x20-\uD7FF\uE000-\uFFFD\U00010000-\U0010FFFF]")


def render_junit(report: RunRecord) -> str:
    """Render the report as XML text.

    A gating claim that is violated, inconclusive or passes unexpectedly is a failure of that type; one that does not gate
    is skipped with its message, so that the server's colour agrees with the exit code. A problem that kept the run from
    its verdicts is an error, and so are a stop before the end and promised claims without a verdict; after such an error,
    or a stop at the first violation, those claims are skipped. So are claims on training that were left out.
    """
    root = ET.Element("testsuites", name="vae-conformance", time=f"{report.duration_s:.3f}")
    for area, claims in report.by_area.items():
        _suite(root, heading(area), report.options.target.text, claims)
    _run_suite(root, report)
    for suite in root:
        for kind, tag in (("tests", "testcase"), ("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            suite.set(kind, str(sum(1 for _ in suite.iter(tag))))
    for kind in ("tests", "failures", "errors"):  # the usual schema has no count of skipped tests at the root
        root.set(kind, str(sum(int(suite.get(kind, "0")) for suite in root)))
    ET.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _suite(root: ET.Element, name: str, target: str, claims: Sequence[ClaimReport]) -> None:
    suite = ET.SubElement(root, "testsuite", name=name, time=f"{sum(claim.verdict.duration_s for claim in claims):.3f}")
    for claim in claims:
        verdict = claim.verdict
        case = ET.SubElement(
            suite,
            "testcase",
            classname=_clean(target),
            name=_clean(f"{claim.id} {verdict.title}"),
            time=f"{verdict.duration_s:.3f}",
        )
        _result(case, claim)


def _result(case: ET.Element, claim: ClaimReport) -> None:
    verdict, message = claim.verdict, claim.verdict.message
    if claim.outcome is Outcome.ERROR:
        _entry(case, "error", "error", message)
    elif claim.outcome in (Outcome.NOT_APPLICABLE, Outcome.NOT_ASKED):
        _entry(case, "skipped", claim.outcome.value, message)
    elif claim.outcome is Outcome.EXPECTED_FAILURE:
        _entry(case, "skipped", "expected-failure", f"{claim.reason}: {message}")
    elif claim.outcome is Outcome.UNEXPECTED_PASS:
        tag = "skipped" if verdict.level is Level.INFORMATIONAL else "failure"
        _entry(case, tag, "unexpected-pass", f"holds, but is listed as an expected failure: {claim.reason}")
    elif claim.outcome in (Outcome.VIOLATED, Outcome.INCONCLUSIVE):
        _entry(
            case,
            "failure" if claim.gates else "skipped",
            claim.outcome.value,
            "\n".join(filter(None, (message, claim.mend, *(f"look at: {location}" for location in claim.locations)))),
        )


def _run_suite(root: ET.Element, report: RunRecord) -> None:
    """Add the problem of the run and the promised claims without a verdict, which belong to no area's suite."""
    if report.problem is None and not report.missing and not report.stopped_by:
        return
    suite = ET.SubElement(root, "testsuite", name="The run", time="0.000")
    target = _clean(report.options.target.text)
    if report.problem is not None:
        case = ET.SubElement(suite, "testcase", classname=target, name="the implementation is loaded and asked", time="0.000")
        _entry(
            case,
            "error",
            report.exit_code.verdict,
            "\n".join(filter(None, (report.problem.message, report.problem.hint, report.problem.details))),
        )
    if report.stopped_by:
        case = ET.SubElement(suite, "testcase", classname=target, name="the run comes to its end", time="0.000")
        _entry(case, "error", report.exit_code.verdict, f"{report.options.target} {headline(report)}")
    for claim in report.missing:
        case = ET.SubElement(suite, "testcase", classname=target, name=claim, time="0.000")
        stopped = report.options.fail_fast and report.exit_code is ExitCode.VIOLATES
        # one problem counts as one error, however many claims could not be asked because of it
        explained = stopped or report.stopped_by or report.problem is not None
        _entry(case, "skipped" if explained else "error", "incomplete", f"promised by the profile, but {missing_words(report)}")


def _entry(case: ET.Element, tag: str, kind: str, text: str) -> None:
    first, _, _ = text.partition("\n")
    entry = ET.SubElement(case, tag, type=kind, message=_clean(first))
    entry.text = _clean(text)


def _clean(text: str) -> str:
    """Replace the control characters that XML 1.0 forbids."""
    return _NOT_XML.sub("�", text)
