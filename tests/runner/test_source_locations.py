"""From verdicts to parts, and from parts to the places that reports send to."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from typing import Any

import pytest
from consoles import console
from report_samples import DRAW, LOSS, locations, placed, report_on, verdict

from vae_conformance.location import Location
from vae_conformance.report.json_report import as_document
from vae_conformance.report.junit import render_junit
from vae_conformance.report.terminal import render_terminal
from vae_spec.judging import parts_concerned
from vae_spec.mistakes import MISTAKES
from vae_spec.outcomes import Outcome, Verdict, violated
from vae_spec.registry import CLAIMS
from vae_spec.subject import Part

MAKE = Location("student.py", 7, "VAE.__init__")






@pytest.mark.parametrize("claim", CLAIMS.values(), ids=lambda claim: claim.id)
def test_every_violation_speaks_of_some_part(claim: Any) -> None:
    assert parts_concerned(claim, violated("so"))


def test_every_mistake_says_where_to_look() -> None:
    assert [mistake.id for mistake in MISTAKES.values() if not mistake.parts] == []


@pytest.mark.parametrize(
    ("claim", "found", "parts"),
    [
        ("REP-01", violated("so", diagnosis="std-no-half"), (Part.DRAW,)),
        ("KL-02", violated("so"), (Part.LOSS, Part.DRAW)),
        ("KL-03", violated("so", diagnosis="logvar-as-std"), (Part.LOSS, Part.DRAW)),
        ("REP-01", violated("so", diagnosis="logvar-as-std"), (Part.DRAW, Part.LOSS)),
        ("TRN-01", violated("so", diagnosis="recon-mean-kl-sum"), (Part.LOSS,)),
        ("TRN-01", violated("so"), (Part.FORWARD, Part.LOSS)),
        ("TRN-01", violated("missing: decode", measured={"part": "decode"}), (Part.DECODE, Part.FORWARD, Part.LOSS)),
        ("OBJ-01", violated("encode: raised", measured={"operation": "encode"}), (Part.POSTERIOR, Part.LOSS, Part.LOSS_TERMS)),
        ("TRN-07", violated("construction: raised", measured={"operation": "construction"}), (Part.PARAMETERS, Part.FORWARD, Part.LOSS)),
        ("REP-01", violated("so", diagnosis="unheard of"), (Part.DRAW, Part.NOISE_CONTROL)),
    ],
)
def test_the_likeliest_part_comes_first(claim: str, found: Verdict, parts: tuple[Part, ...]) -> None:
    assert parts_concerned(CLAIMS[claim], found) == parts


def test_a_violation_is_placed_where_its_mistake_is() -> None:
    report = placed(
        verdict("REP-01", Outcome.VIOLATED, diagnosis="std-no-half", parts=("sampling step",)),
        verdict("KL-02", Outcome.VIOLATED, parts=("loss", "sampling step")),
        verdict("OBJ-01", Outcome.VIOLATED, parts=("loss", "separate loss terms", "sampling step")),
        verdict("NET-02", Outcome.VIOLATED, parts=("decode",)),
        verdict("KL-01", Outcome.HOLDS, parts=("loss",)),
        LOSS=LOSS,
        LOSS_TERMS=LOSS,
        DRAW=DRAW,
        PARAMETERS=MAKE,
    )
    assert locations(report) == {
        "REP-01": (DRAW,),
        "KL-02": (DRAW,),  # which REP-01's mistake explains
        "OBJ-01": (LOSS, DRAW),
        "NET-02": (MAKE,),  # decode is missing: it belongs into that class
        "KL-01": (),
    }


def test_without_places_nothing_is_shown() -> None:
    report = report_on(verdict("KL-01", Outcome.VIOLATED, parts=("loss",)))
    assert locations(report) == {"KL-01": ()}
    assert "look at" not in render_terminal(report, console())


def test_expected_failures_and_open_questions_are_placed_too() -> None:
    report = placed(verdict("KL-01", Outcome.INCONCLUSIVE, parts=("loss",)), LOSS=LOSS)
    assert locations(report) == {"KL-01": (LOSS,)}


def test_terminal_json_and_junit_show_the_place() -> None:
    report = placed(verdict("OBJ-01", Outcome.VIOLATED, parts=("loss", "sampling step")), LOSS=LOSS, DRAW=replace(DRAW, cell=3))
    shown = "look at student.py:32 (VAE.loss), student.py, cell 3, line 21 (VAE.reparameterize)"
    assert shown in " ".join(render_terminal(report, console()).split())
    (claim,) = as_document(report)["claims"]
    assert claim["locations"][0] == {"file": "student.py", "line": 32, "name": "VAE.loss", "cell": None}
    (failure,) = ET.fromstring(render_junit(report)).iter("failure")
    assert re.findall(r"^look at: (.*)$", failure.text or "", re.MULTILINE) == [str(place) for place in report.claims[0].locations]
