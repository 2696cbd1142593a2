"""The command `reproduce`: which trainings it makes, what its page and numbers say, and which folders it leaves alone."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from reproduction_samples import OPTIONS, answer, chapter, found

from vae_conformance.exit_codes import ExitCode
from vae_conformance.experiments import plans
from vae_conformance.reproduction import command as module
from vae_conformance.reproduction.command import verdict_of
from vae_conformance.reproduction.findings import REFERENCE, TINY
from vae_conformance.reproduction.numbers import render_numbers
from vae_conformance.reproduction.page import render_page
from vae_conformance.reproduction.sections import CHAPTERS, sections
from vae_conformance.reproduction.tables import Measured, Printed, Table
from vae_conformance.reproduction.trainings import jobs, make_all
from vae_conformance.target.spec import parse_target
from vae_spec.claim import Experiment
from vae_spec.claims.toy import PRINTED_POINTS
from vae_spec.claims.training_terms import TABLE
from vae_spec.documents import DOCUMENTS, NOTES
from vae_spec.evidence import Group
from vae_spec.outcomes import Level, Outcome
from vae_spec.registry import CLAIMS

# the page and the numbers


def test_every_section_that_a_claim_cites_is_walked_through_once() -> None:
    walked = [(chapter.document, chapter.section) for chapter in CHAPTERS]
    assert len(walked) == len(set(map(str, walked)))
    for document in DOCUMENTS.values():
        assert [section for one, section in walked if one is document] == list(document.sections)


def test_the_page_and_the_numbers_show_what_was_found() -> None:
    findings = found("digits", answer("TRN-01"), answer("TRN-02", Outcome.VIOLATED, message="it stays at 0.1"), answer("KL-01"))
    walked = sections(findings)
    page = render_page(findings, walked, verdict_of(findings))
    assert re.search(r"\*\*TRN-02\*\* .* \*\*violated\*\* \(reference: violated\)\n  - it stays at 0.1", page)
    assert "exit code 1" in page.lower()
    named = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", page)
    assert sorted(named) == sorted(figure.file for section in walked for figure, _content in section.figures)
    assert {"training-curves.png", "reconstructions.png", "prior-samples.png", "latent-means.png", "interpolation.png", "lab.png"} <= set(
        named
    )
    assert {"beta-comparison.png", "kl-per-dimension.png", "collapse.png", "lab-weights.png"} <= set(named)
    numbers = json.loads(render_numbers(findings, walked, ExitCode.VIOLATES, named))
    assert numbers["claims"]["reference"]["TRN-02"]["outcome"] == "violated"
    (curves,) = [section for section in numbers["sections"] if section["section"] == "13.4.1.3"]
    assert curves["claims"]["TRN-02"] == "violated"
    cells = curves["tables"][0]["rows"][9]["cells"]
    assert cells[0] == {"document": "110.2379"}
    assert len(cells[1]["values"]) == 2


def test_every_link_within_the_page_leads_to_a_heading() -> None:
    findings = found("digits", answer("TRN-01"), leaving_out=tuple(Experiment))
    page = render_page(findings, sections(findings), ExitCode.CONFORMS)
    headings = [
        "".join(one for one in text.lower() if one.isalnum() or one in " -_").replace(" ", "-")
        for text in re.findall(r"^#+ (.+)$", page, re.MULTILINE)
    ]
    linked = re.findall(r"\]\(#([^)]+)\)", page)
    assert len(linked) == len(CHAPTERS)
    assert set(linked) <= set(headings)


@pytest.mark.parametrize(("dataset", "comparable"), [("digits", False), ("fashion-mnist", False), ("mnist", True)])
def test_the_notes_table_is_compared_on_their_data_alone(dataset: str, comparable: bool) -> None:
    findings = found(dataset, leaving_out=tuple(kind for kind in Experiment if kind is not Experiment.IMAGES))
    content = chapter("13.4.1.3").content(findings)
    (table,) = content.tables
    assert table.comparable == comparable
    assert ("not comparable" in " ".join(content.remarks)) == (not comparable)
    printed = [[cell.text for cell in cells if isinstance(cell, Printed)] for _name, cells in table.rows]
    assert printed == [[f"{value:.4f}" for value in row] for row in TABLE]


def test_the_lab_figures_stand_beside_what_was_measured() -> None:
    findings = found()
    losses, points, _seen = chapter("lab").content(findings).tables
    assert losses.rows[0][0] == "epoch 1, reconstruction"
    printed, own, _others = losses.rows[9][1]
    assert (printed, own.shown()) == (Printed("0.0244"), f"{findings.runs(Experiment.LAB_PRINTED)[0].reconstruction[199]:.4f}")
    assert [cells[0].shown() for _name, cells in points.rows] == [f"{value:.3f}" for point in PRINTED_POINTS for value in point]


def test_what_could_not_be_made_is_left_out_and_told() -> None:
    findings = replace(found(leaving_out=tuple(Experiment)), problems={Experiment.LAB_TANH: "construction: does not\ntake activation"})
    page = render_page(findings, sections(findings), ExitCode.CONFORMS)
    assert "*lab-tanh* could not be made: construction: does not take activation" in page
    assert "![" not in page


def test_a_claim_about_both_systems_stands_as_the_graver_outcome() -> None:
    both = found("digits", answer("KL-01"), answer("KL-01", Outcome.INCONCLUSIVE, TINY), leaving_out=tuple(Experiment))
    (section,) = [one for one in sections(both) if "KL-01" in one.answers][:1]
    assert section.outcome("KL-01") is Outcome.INCONCLUSIVE
    one = found("digits", answer("KL-01"), answer("KL-01", Outcome.NOT_APPLICABLE, TINY), leaving_out=tuple(Experiment))
    (section,) = [each for each in sections(one) if "KL-01" in each.answers][:1]
    assert section.outcome("KL-01") is Outcome.HOLDS


def test_words_of_a_verdict_are_no_markup() -> None:
    findings = found("digits", answer("TRN-01", message="a_b *c* <d> | e"), leaving_out=tuple(Experiment))
    assert r"a\_b \*c\* \<d> \| e" in render_page(findings, sections(findings), ExitCode.CONFORMS)


@pytest.mark.parametrize(
    ("values", "decimals", "shown"),
    [
        ((1.0, 2.0), None, "1.5 ± 0.71"),
        ((1.23456,), None, "1.235"),
        ((1.0, float("nan")), 2, "1.00"),
        ((), None, "–"),
        ((0.1, 0.3), 2, "0.20 ± 0.14"),
    ],
)
def test_a_measured_cell(values: tuple[float, ...], decimals: int | None, shown: str) -> None:
    assert Measured(values, decimals).shown() == shown


def test_a_table_as_markdown() -> None:
    table = Table(
        "Losses",
        ("", "document", "measured"),
        (("epoch 1", (Printed("2.5"), Measured((2.0,)))), ("epoch 2", (Printed(""), Measured((1.0,))))),
    )
    assert table.markdown()[2:] == ["|  | document | measured |", "|---|---|---|", "| epoch 1 | 2.5 | 2 |", "| epoch 2 | – | 1 |"]


@pytest.mark.parametrize(
    ("outcomes", "code"),
    [
        ((Outcome.HOLDS, Outcome.NOT_APPLICABLE), 0),
        ((Outcome.HOLDS, Outcome.VIOLATED), 1),
        ((Outcome.INCONCLUSIVE, Outcome.VIOLATED), 1),
        ((Outcome.HOLDS, Outcome.INCONCLUSIVE), 3),
        ((Outcome.ERROR, Outcome.VIOLATED), 5),
    ],
)
def test_the_exit_code_is_that_of_both_systems_together(outcomes: tuple[Outcome, Outcome], code: int) -> None:
    findings = found("digits", answer("KL-01", outcomes[0], TINY), answer("KL-01", outcomes[1], REFERENCE), leaving_out=tuple(Experiment))
    assert verdict_of(findings) == code


# the trainings


def test_every_training_is_counted_once() -> None:
    options = [OPTIONS, replace(OPTIONS, target=parse_target(TINY))]
    listed = jobs(options, [(Experiment.CONTRAST, Experiment.SWEEP), (Experiment.LAB_PRINTED, Experiment.LAB)], 784)
    assert [(str(job.experiment), job.count) for job in listed if job.count == 1] == [
        ("contrast", 1),
        ("sweep", 1),
        ("lab-printed", 1),
        ("lab", 1),
    ]
    assert sum(job.experiment is Experiment.LAB_PRINTED for job in listed) == 1
    steps = plans.image_recipe("digits", 784, 0).steps
    assert [job.work for job in listed[:4]] == [2 * steps, 2 * steps, 200, 200]


def test_everything_that_a_section_shows_is_trained(tmp_path: Path) -> None:
    class Asked(dict[Experiment, list[Group]]):
        def get(self, experiment: Experiment, default: Any = None) -> Any:
            asked.add(experiment)
            return super().get(experiment, default)

        def __getitem__(self, experiment: Experiment) -> list[Group]:
            asked.add(experiment)
            return super().__getitem__(experiment)

    asked: set[Experiment] = set()
    findings = found()
    sections(replace(findings, groups=Asked(findings.groups)))
    systems = [module._System(replace(OPTIONS, target=parse_target(target), store=str(tmp_path))) for target in (REFERENCE, TINY)]
    assert Experiment.IMAGES in asked
    assert asked <= {experiment for system in systems for experiment in system.experiments()}


def test_processes_share_the_work_through_the_store(tmp_path: Path) -> None:
    options = replace(OPTIONS, target=parse_target(TINY), store=str(tmp_path))
    said: list[str] = []
    make_all(jobs([options], [(Experiment.LAB_PRINTED, Experiment.LAB)], 2)[:2], 2, said.append)
    assert len(list(tmp_path.glob("*.run"))) == 2
    assert said[-1].startswith("trainings: 2 of 2 sets")


def test_with_one_process_nothing_is_made_ahead(tmp_path: Path) -> None:
    options = replace(OPTIONS, target=parse_target(TINY), store=str(tmp_path / "store"))
    make_all(jobs([options], [(Experiment.LAB,)], 2), 1, lambda _text: None)
    assert not (tmp_path / "store").exists()


def test_informational_claims_are_told_and_do_not_decide() -> None:
    informational = [
        claim.id for claim in CLAIMS.values() if claim.level is Level.INFORMATIONAL and any(one.document is NOTES for one in claim.sources)
    ]
    findings = found(
        "digits", answer("KL-01"), answer(informational[0], Outcome.VIOLATED, message="seen otherwise"), leaving_out=tuple(Experiment)
    )
    assert verdict_of(findings) == 0
    assert "seen otherwise" in render_page(findings, sections(findings), ExitCode.CONFORMS)
