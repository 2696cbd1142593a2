"""Where parts were not found, the verdict says so in every report, and --require-parts does not let it pass."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from consoles import console
from report_samples import OPTIONS, report_on, verdict

from vae_conformance.exit_codes import ExitCode
from vae_conformance.report.html.figure_data import FigureData
from vae_conformance.report.html.page import render_html
from vae_conformance.report.json_report import render_json
from vae_conformance.report.markdown import render_markdown
from vae_conformance.report.summary import advice, headline
from vae_conformance.report.terminal import render_terminal
from vae_conformance.runner.record import RunRecord
from vae_spec.outcomes import Level, Outcome

HOLDS = verdict("NET-01", Outcome.HOLDS)
NO_LOSS = [verdict(claim, Outcome.NOT_APPLICABLE, "loss: none found", measured={"part": "loss"}) for claim in ("OBJ-01", "OBJ-02", "KL-01")]
NO_STEP = [verdict("REP-01", Outcome.NOT_APPLICABLE, "sampling step: inline", measured={"part": "sampling step"})]
BY_NATURE = [
    verdict("REP-06", Outcome.NOT_APPLICABLE, "ready", measured={"part": "training from a fresh initialisation"}),
    verdict("SMP-05", Outcome.NOT_APPLICABLE, "it has no method of sampling"),
]
STRICT = replace(OPTIONS, require_parts=True)


def test_what_was_not_found_is_said_with_the_verdict() -> None:
    report = report_on(HOLDS, *NO_LOSS, *BY_NATURE)
    assert report.exit_code is ExitCode.CONFORMS
    assert headline(report) == (
        "conforms as far as it was asked: 1 of 6 claims hold, 5 do not apply; no loss was found, so 3 of 6 claims could not be asked"
    )
    assert [one.partition(" that")[0] for one in advice(report)] == ["name the loss"]


def test_two_parts_are_said_in_one_sentence() -> None:
    words = headline(report_on(HOLDS, *NO_STEP, *NO_LOSS))
    assert words.endswith("no loss and no sampling step that can be called were found, so 4 of 5 claims could not be asked")


def test_what_lacks_by_nature_is_counted_and_needs_no_advice() -> None:
    report = report_on(HOLDS, *BY_NATURE)
    assert headline(report) == "conforms as far as it was asked: 1 of 3 claims hold, 2 do not apply"
    assert headline(report_on(HOLDS)) == "conforms: the 1 claim that decides holds"
    assert advice(report) == []


def test_beside_a_violation_the_violation_is_what_counts() -> None:
    report = report_on(HOLDS, *NO_LOSS, verdict("NET-02", Outcome.VIOLATED))
    assert headline(report).startswith("does not conform")
    assert advice(report) == []


def rendered(report: RunRecord) -> dict[str, str]:
    """The report in each form for people."""
    return {
        "terminal": " ".join(render_terminal(report, console()).split()),
        "markdown": render_markdown(report),
        "html": render_html(report, FigureData()),
        "json": render_json(report),
    }


@pytest.mark.parametrize("form", ["terminal", "markdown", "html", "json"])
def test_every_form_says_it(form: str) -> None:
    assert "no loss was found, so 3 of 4 claims could not be asked" in rendered(report_on(HOLDS, *NO_LOSS))[form]


@pytest.mark.parametrize("form", ["terminal", "markdown", "html"])
def test_every_form_for_people_says_what_to_do(form: str) -> None:
    assert "--loss" in rendered(report_on(HOLDS, *NO_LOSS))[form].replace("\\-", "-")


def test_the_json_report_lists_the_parts_and_the_claims() -> None:
    unasked = json.loads(render_json(report_on(HOLDS, *NO_LOSS)))["unasked"]
    assert unasked == {"parts": ["loss"], "claims": ["OBJ-01", "OBJ-02", "KL-01"]}


def test_required_parts_leave_the_run_incomplete() -> None:
    report = report_on(HOLDS, *NO_LOSS, options=STRICT)
    assert report.exit_code is ExitCode.INCOMPLETE
    assert headline(report).startswith("is not decided: no loss was found, so 3 of 4 claims could not be asked, and --require-parts")
    assert report_on(HOLDS, *BY_NATURE, options=STRICT).exit_code is ExitCode.CONFORMS


def test_required_parts_look_at_claims_that_gate_alone() -> None:
    waiting = verdict("OBJ-05", Outcome.NOT_APPLICABLE, "loss: none found", level=Level.INFORMATIONAL, measured={"part": "loss"})
    assert report_on(HOLDS, waiting, options=STRICT).exit_code is ExitCode.CONFORMS


def test_a_violation_is_worse_than_what_is_left_open() -> None:
    assert report_on(HOLDS, *NO_LOSS, verdict("NET-02", Outcome.VIOLATED), options=STRICT).exit_code is ExitCode.VIOLATES
