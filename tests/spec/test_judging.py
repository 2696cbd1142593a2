"""What follows from the facts of a subject alone, and how a claim is asked."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from claim_samples import claim, trained
from fakes import FakeSubject, facts, fake, parts

from vae_spec.context import ClaimContext
from vae_spec.evidence import Recipe, TrainedRun
from vae_spec.judging import REQUIRED_PARTS, ask, judge, precondition
from vae_spec.outcomes import Level, Outcome, Verdict, holds, inconclusive, not_applicable, violated
from vae_spec.registry import CLAIMS
from vae_spec.subject import Facts, InputKind, Noise, Objective, Part, Standing, Subject, SubjectFault

CONTEXT = ClaimContext("KL-01", 0)


# what follows from the facts ----------------------------------------------------------------------


def standing(part: Part, how: Standing) -> Facts:
    return facts(parts=parts(**{part.name: how}))


def test_nothing_stands_in_the_way_where_all_parts_are_present() -> None:
    assert precondition(claim(needs=tuple(Part)), facts()) is None
    assert precondition(claim(), standing(Part.LOSS, Standing.MISSING)) is None


@pytest.mark.parametrize("part", REQUIRED_PARTS)
@pytest.mark.parametrize("how", [Standing.MISSING, Standing.REPLACED])
def test_a_required_part_that_is_missing_is_a_violation(part: Part, how: Standing) -> None:
    verdict = precondition(claim(needs=(part,)), standing(part, how))
    assert verdict is not None
    assert verdict.outcome is Outcome.VIOLATED
    assert verdict.message == f"missing: {part} (the {part} of the fake)"
    assert verdict.measured == {"part": str(part)}
    assert str(part) in verdict.hint


def test_missing_decode_is_said_in_these_words() -> None:
    verdict = precondition(claim(needs=(Part.DECODE,)), standing(Part.DECODE, Standing.MISSING))
    assert verdict is not None
    assert verdict.message.startswith("missing: decode")


@pytest.mark.parametrize("part", [part for part in Part if part not in REQUIRED_PARTS])
@pytest.mark.parametrize("how", [Standing.MISSING, Standing.REPLACED])
def test_a_replaceable_part_makes_a_claim_not_applicable(part: Part, how: Standing) -> None:
    assert precondition(claim(needs=(Part.POSTERIOR, part)), standing(part, how)) == not_applicable(
        f"{part}: the {part} of the fake", measured={"part": str(part)}
    )


@pytest.mark.parametrize("part", Part)
def test_a_failing_part_is_a_violation(part: Part) -> None:
    verdict = precondition(claim(needs=(part,)), standing(part, Standing.FAILING))
    assert verdict is not None
    assert verdict.outcome is Outcome.VIOLATED
    assert verdict.message == f"{part} fails: the {part} of the fake"


@pytest.mark.parametrize("how", [Standing.FAILING, Standing.MISSING])
def test_an_informational_claim_is_never_violated_by_a_part(how: Standing) -> None:
    verdict = precondition(claim(level=Level.INFORMATIONAL, needs=(Part.FORWARD,)), standing(Part.FORWARD, how))
    assert verdict is not None
    assert verdict.outcome is Outcome.NOT_APPLICABLE


def test_the_first_part_in_the_way_is_the_one_named() -> None:
    both = facts(parts=parts(POSTERIOR=Standing.MISSING, LOSS=Standing.REPLACED))
    first, second = (precondition(claim(needs=needs), both) for needs in ((Part.LOSS, Part.POSTERIOR), (Part.POSTERIOR, Part.LOSS)))
    assert first is not None
    assert second is not None
    assert (first.outcome, second.outcome) == (Outcome.NOT_APPLICABLE, Outcome.VIOLATED)


def test_what_does_not_concern_a_subject_comes_before_what_it_lacks() -> None:
    found = precondition(
        claim(applies=lambda one: f"takes {one.input_shape}", needs=(Part.DECODE,)),
        standing(Part.DECODE, Standing.MISSING),
    )
    assert found == not_applicable("takes (2, 5)")


@pytest.mark.parametrize("id_", ["OBJ-01", "OBJ-02", "KL-01", "KL-02", "KL-03", "KL-04", "KL-05", "TRN-02", "TRN-06"])
def test_a_modified_objective_is_exempt_from_what_it_changes(id_: str) -> None:
    verdict = precondition(CLAIMS[id_], facts(objective=Objective.MODIFIED, input_shape=(8, 8)))
    assert verdict == not_applicable("its objective is declared modified")


@pytest.mark.parametrize("id_", [one for one in CLAIMS if one.startswith("KL-")])
def test_a_monte_carlo_kl_is_exempt_from_the_closed_form(id_: str) -> None:
    verdict = precondition(CLAIMS[id_], facts(objective=Objective.ELBO_MONTE_CARLO))
    assert verdict is not None
    assert verdict.outcome is Outcome.NOT_APPLICABLE
    assert "Monte Carlo" in verdict.message


@pytest.mark.parametrize(
    ("shape", "kind"),
    [
        ((1, 28, 28), InputKind.IMAGE),
        ((784,), InputKind.IMAGE),
        ((3072,), InputKind.IMAGE),
        ((8, 8), InputKind.IMAGE),
        ((28, 20), InputKind.IMAGE),
        ((2,), InputKind.POINT),
        ((10,), InputKind.ROW),
        ((36,), InputKind.ROW),
        ((128,), InputKind.ROW),
        ((64, 3), InputKind.SERIES),
        ((1, 128), InputKind.SERIES),
    ],
)
def test_the_kind_of_input_is_told_by_its_shape(shape: tuple[int, ...], kind: InputKind) -> None:
    seen = facts(input_shape=shape)
    points = kind is InputKind.POINT
    assert (seen.kind, seen.is_image, seen.pixels) == (kind, kind is InputKind.IMAGE, math.prod(shape))
    assert (precondition(CLAIMS["TRN-01"], seen) is None) == (not points)
    assert (precondition(CLAIMS["REC-02"], replace(seen, latent_dim=8)) is None) == (kind is InputKind.IMAGE)
    assert (precondition(CLAIMS["TOY-01"], seen) is None) == points
    assert precondition(CLAIMS["TOY-02"], seen) is not None
    assert (precondition(CLAIMS["TOY-02"], replace(seen, reference=True)) is None) == points


def test_a_declared_kind_counts_more_than_the_shape() -> None:
    assert facts(input_shape=(100,)).is_image
    assert facts(input_shape=(100,), declared_kind=InputKind.ROW).kind is InputKind.ROW


@pytest.mark.parametrize(
    ("changes", "reason"), [({"input_shape": (9,)}, "fewer than 10"), ({"input_shape": (40, 2), "likelihood": None}, "none that is known")]
)
def test_rows_and_series_that_no_data_fits_are_not_trained(changes: dict[str, object], reason: str) -> None:
    verdict = precondition(CLAIMS["TRN-01"], facts(**changes))
    assert verdict is not None
    assert verdict.outcome is Outcome.NOT_APPLICABLE
    assert reason in verdict.message


# asking -------------------------------------------------------------------------------------------


def test_a_claim_is_asked_of_the_subject_in_its_context() -> None:
    asked: list[tuple[Subject, ClaimContext]] = []

    def check(subject: Subject, context: ClaimContext) -> Verdict:
        asked.append((subject, context))
        return holds("so")

    subject = fake()
    verdict = ask(claim(check=check), subject, CONTEXT)
    assert verdict == holds("so")
    assert asked == [(subject, CONTEXT)]


def test_a_violation_gets_the_claims_hint_unless_it_has_its_own() -> None:
    assert ask(claim(check=lambda *_: violated("no")), fake(), CONTEXT).hint == "the claim's hint"
    assert ask(claim(check=lambda *_: violated("no", hint="own")), fake(), CONTEXT).hint == "own"
    failing = fake(facts=standing(Part.LOSS, Standing.FAILING))
    assert ask(claim(needs=(Part.LOSS,)), failing, CONTEXT).hint.startswith("fix this first")


@pytest.mark.parametrize("without_fault", [holds("so"), not_applicable("other"), inconclusive("near")])
def test_nothing_to_mend_means_no_hint(without_fault: Verdict) -> None:
    assert ask(claim(check=lambda *_: without_fault), fake(), CONTEXT).hint == ""
    assert ask(claim(needs=(Part.LOSS,)), fake(facts=standing(Part.LOSS, Standing.REPLACED)), CONTEXT).hint == ""


def test_a_fault_in_the_check_is_a_violation_with_its_diagnosis() -> None:
    broken = FakeSubject(fault=SubjectFault("sampling step", "RuntimeError: no GPU", "cuda-always"))

    def check(subject: Subject, _context: ClaimContext) -> Verdict:
        subject.draw(None, None, Noise())  # type: ignore[arg-type]
        return holds("never")

    verdict = ask(claim(check=check), broken, CONTEXT)  # type: ignore[arg-type]
    assert (verdict.outcome, verdict.diagnosis) == (Outcome.VIOLATED, "cuda-always")
    assert verdict.message == "sampling step: RuntimeError: no GPU"
    assert verdict.hint


def test_trained_claims_are_judged_and_exact_ones_asked() -> None:
    run = TrainedRun(Recipe("digits", 1, 1, 1e-3), *(np.ones(1) for _ in range(4)))
    assert judge(trained(), [{"own": run}, {"own": run}], facts()) == holds("2 groups of 1")
    assert judge(trained(judge=lambda *_: violated("no")), [{"own": run}], facts()).hint == "the claim's hint"
    with pytest.raises(ValueError, match="TRN-77 is judged from trained runs"):
        ask(trained(), fake(), CONTEXT)
    with pytest.raises(ValueError, match="KL-77 is asked of the subject itself"):
        judge(claim(), [{"own": run}], facts())
