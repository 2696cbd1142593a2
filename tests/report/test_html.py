"""The HTML report: one well-formed page that needs nothing else, says everything, and lets no text become markup."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace

import msgspec
import pytest
from html_samples import HOSTILE, PNG, SHOWING, hostile
from named import named_options
from pages import Page
from report_samples import BOUND, MISSING_HALF, MIXED, OPTIONS, REPORTS, mixed, report_on, verdict

from vae_conformance.location import Location
from vae_conformance.report.figures.gallery import Exhibit
from vae_conformance.report.html.figure_data import FigureData
from vae_conformance.report.html.page import render_html
from vae_conformance.runner.events import NotBound, Trained, WeightsFile
from vae_conformance.runner.record import RunRecord, assemble
from vae_conformance.runner.run_state import RunState
from vae_spec.mistakes import MISTAKES
from vae_spec.outcomes import Outcome

PAGES = {name: render_html(report) for name, report in REPORTS.items()} | {"shown": render_html(mixed(), SHOWING)}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_well_formed_and_needs_nothing_else(name: str) -> None:
    page = Page(PAGES[name])
    ids = [one.attributes["id"] for one in page.elements if "id" in one.attributes]
    assert len(ids) == len(set(ids))
    for one in page.elements:
        for attribute, value in one.attributes.items():
            assert not attribute.startswith("on"), "scripts stand in one place"
            assert attribute != "style", "the page's own policy would drop it"
            if attribute in {"src", "href"}:
                assert value.startswith("data:image/png;base64,") or value[1:] in ids, value
            if attribute == "aria-labelledby":
                assert value in ids
    assert not re.search(r"https?:|//[a-z]+\.|@import|url\(", PAGES[name])
    assert page.of("html", lang="en")
    assert [one.tag for one in page.elements].count("h1") == 1


@pytest.mark.parametrize("name", PAGES)
def test_the_policy_lets_the_pages_own_style_and_script_through_and_nothing_else(name: str) -> None:
    page = Page(PAGES[name])
    (policy,) = page.of("meta", http_equiv="Content-Security-Policy")
    assert policy.attributes["content"].startswith("default-src 'none'; img-src data:; ")
    for tag in ("style", "script"):
        (one,) = page.of(tag)
        found = base64.b64encode(hashlib.sha256(one.text.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{found}'" in policy.attributes["content"]


@pytest.mark.parametrize(
    ("report", "words"),
    [
        (REPORTS["good"], "student.py:VAE conforms: the 1 claim that decides holds."),
        (REPORTS["mixed"], "student.py:VAE does not conform: 3 required claims are violated."),
        (report_on(MISSING_HALF), "student.py:VAE does not conform: 1 required claim is violated."),
        (REPORTS["unbound"], "student.py:VAE cannot be judged: it could not be loaded or bound."),
        (REPORTS["broken"], "student.py:VAE was not judged: the suite itself failed, which says nothing about the implementation."),
        (
            report_on(verdict("KL-01", Outcome.HOLDS), options=replace(OPTIONS, expected_failures={"KL-01": "why"})),
            "student.py:VAE does not conform: a claim that is listed as an expected failure holds, so the list is out of date.",
        ),
        (
            report_on(
                verdict("KL-01", Outcome.VIOLATED),
                verdict("KL-02", Outcome.HOLDS),
                options=replace(OPTIONS, expected_failures={"KL-01": "why"}),
            ),
            "student.py:VAE conforms: the 1 claim that decides holds, and 1 listed claim fails as expected.",
        ),
        (
            report_on(verdict("KL-01", Outcome.INCONCLUSIVE)),
            "student.py:VAE is not decided: nothing is violated, but some claims lie too near the border, or ran out of time.",
        ),
        (
            report_on(verdict("KL-01", Outcome.HOLDS), missing=("KL-02",)),
            "student.py:VAE is not decided: fewer claims were asked than the profile promises.",
        ),
    ],
)
def test_the_verdict_stands_on_top_in_words(report: RunRecord, words: str) -> None:
    assert Page(render_html(report)).text_of("h1") == words


def test_every_claim_unfolds_to_all_that_is_known_of_it() -> None:
    report = report_on(msgspec.structs.replace(MISSING_HALF, why="because it must"), verdict("OBJ-01", Outcome.HOLDS))
    page = Page(render_html(report))
    first, second = (claim.text for claim in page.of("details"))
    assert [("open" in claim.attributes) for claim in page.of("details")] == [False, True]
    for part in (
        "KL-02",
        "required",
        "violated",
        "closed form 1.374",
        "the closed-form KL equals the Monte Carlo estimate",
        "Deep Learning Notes 13.4, objective",
        "because it must",
        "by an identity",
        "put the factor 1/2 back",
        MISTAKES["missing-half"].what,
        "65 536",
        "margin",
        "1 %",
        "at most 1e-08",
        "vae-conformance run student.py:VAE --only KL-02 --seed 8435",
    ):
        assert part in second
    assert "OBJ-01" in first
    assert "False alarms" not in first


def test_a_claim_says_where_to_look_and_what_it_was_asked_on() -> None:
    plain = report_on(MISSING_HALF, options=replace(OPTIONS, data="elsewhere/garments.npz"))
    claim = replace(plain.claims[0], locations=(Location("student.py", 21, "VAE.loss"),))
    page = Page(render_html(replace(plain, claims=(claim,))))
    assert "Where to look" in page.of("details")[0].text
    assert "student.py:21 (VAE.loss)" in page.of("details")[0].text
    assert "data garments.npz" in page.of("header")[0].text
    assert "digits" not in page.text_of("header")


def test_given_weights_are_one_model_and_no_seeds() -> None:
    given = msgspec.structs.replace(BOUND.implementation, weights=WeightsFile("mine.pt", "0" * 64))
    page = render_html(replace(mixed(), implementation=given), SHOWING)
    assert "the diamond is this model" in page
    assert "one a seed" not in page
    assert "one a seed" in PAGES["shown"]


def test_the_diagnosis_stands_before_the_claims_and_leads_to_them() -> None:
    page = Page(PAGES["mixed"])
    (article,) = page.of("article")
    assert "kl-sign" in article.text
    assert "3 of 4 violated claims" in " ".join(article.text.split())
    assert {"#KL-01", "#KL-02", "#KL-03"} <= {link.attributes["href"] for link in page.of("a")}
    places = [
        PAGES["mixed"].index(f'id="{part}"') for part in ("diagnosis-heading", "summary-heading", "claims-heading", "figures-heading")
    ]
    assert places == sorted(places)


def test_claims_can_be_filtered_by_what_their_elements_say_and_nothing_hangs_on_the_script() -> None:
    page = Page(PAGES["mixed"])
    (form,) = page.of("form")
    assert "hidden" in form.attributes
    assert not [one for one in page.of("details") if "hidden" in one.attributes]
    seen = {name: {one.attributes[f"data-{name}"] for one in page.of("details")} for name in ("area", "level", "outcome")}
    values = [one.attributes.get("value", one.text) for one in page.of("option")]
    assert set(values) == {"", *set().union(*seen.values())} | {"informational"}


def test_the_summary_counts_by_area_and_level() -> None:
    text = Page(PAGES["mixed"]).text_of("table", class_="summary")
    assert "KL divergence0 of 3 ✗" in text.replace("KL divergence ", "KL divergence")
    assert "all1 of 6 ✗0 of 10 of 1 ✗1" in text


def test_what_was_found_and_what_it_ran_under_is_there() -> None:
    text = " ".join(Page(PAGES["mixed"]).text_of("body").split())
    for part in (
        "encode(x)",
        "the second head is a log-variance",
        "1 × 28 × 28",
        "1 234 567",
        "2.13.0",
        "8435",
        "quick",
        "2e-08 given out to 2 claims",
    ):
        assert part in text






def test_no_text_of_the_implementation_becomes_markup() -> None:
    showing = FigureData(
        (Exhibit("x", HOSTILE, HOSTILE, ("KL",), PNG), Exhibit("y", HOSTILE, HOSTILE, (), missing=HOSTILE)), {}, HOSTILE, HOSTILE
    )
    for text in (render_html(hostile(), showing), render_html(replace(hostile(), problem=None, implementation=None), showing)):
        page = Page(text)
        assert len(page.of("script")) == 1
        assert {one.attributes["src"][:10] for one in page.of("img")} == {"data:image"}
        assert not re.search(r"<script>alert|<img src=x", text)
        assert page.text_of("title").startswith("<script>alert(1)</script>")
        assert "{{ 7 * 7 }}" in page.text_of("h1")
    problem = assemble(RunState(not_bound=NotBound(HOSTILE, HOSTILE)), named_options(HOSTILE), duration_s=0.0)
    assert len(Page(render_html(problem)).of("script")) == 1


def test_a_claims_pictures_and_figures_are_shown_with_words() -> None:
    page = Page(PAGES["shown"])
    (image,) = page.of("img")
    assert base64.b64decode(image.attributes["src"].partition(",")[2]) == PNG
    assert image.attributes["alt"] == "a caption"
    (drawing,) = page.of("svg")
    assert drawing.attributes["aria-label"] == "log of <KL>: this implementation 0.5, 0.7; sound ones from 0.2 to 0.9; the border above 0.1"
    assert len(page.of("path", class_="seed")) == 2
    assert "Left out: its loss does not stay finite." in page.text_of("body")
    assert "3 trained runs cannot be read" in page.text_of("body")
    claim = next(one for one in page.of("details", id="KL-02"))
    assert "Figure: Reconstructions" in claim.text


@pytest.mark.parametrize(
    ("report", "reason"),
    [
        (REPORTS["unbound"], "nothing could be trained"),
        (report_on(*MIXED, options=replace(OPTIONS, profile="exact")), "the exact profile trains nothing"),
        (report_on(*MIXED, options=replace(OPTIONS, only=("KL-02",))), "none of the claims that were asked looked at a training"),
        (report_on(*MIXED), "no training came to its end"),
        (
            replace(
                report_on(*MIXED, options=replace(OPTIONS, store="no-such-folder/runs")),
                trained=(Trained("REC-01", "images", ({"own": "00"},)),),
            ),
            "none of the trained runs can be read",
        ),
    ],
)
def test_where_nothing_can_be_shown_the_page_says_why(report: RunRecord, reason: str, tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.chdir(tmp_path)
    page = Page(render_html(report))
    assert reason in page.text_of("body")
    assert page.of("img") == []
