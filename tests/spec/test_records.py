"""The records that pass between the packages refuse what is not in order."""

from __future__ import annotations

import math
from dataclasses import FrozenInstanceError, replace

import pytest
from claim_samples import claim, trained
from fakes import facts

from vae_spec.bounds import Scaling, above, below, between
from vae_spec.calibration import FIXED_SCALE
from vae_spec.claim import Claim, Experiment, Profile
from vae_spec.diagnosis import Role
from vae_spec.documents import BASICS, DOCUMENTS, ENGINEERING, NOTES, Source, basics, notes
from vae_spec.outcomes import Level, Outcome, Verdict, holds, inconclusive, not_applicable, violated
from vae_spec.registry import check_references

# outcomes -----------------------------------------------------------------------------------------


def test_the_words_of_the_outcomes() -> None:
    assert [str(one) for one in Outcome] == [
        "holds",
        "violated",
        "inconclusive",
        "not-applicable",
        "error",
        "expected-failure",
        "unexpected-pass",
        "not-asked",
    ]
    assert [str(one) for one in Level] == ["required", "expected", "informational"]


def test_each_verdict_has_its_outcome_and_its_numbers() -> None:
    assert holds("so", measured={"n": 3}, expected={"n": 3}, smallest_effect="1") == Verdict(
        Outcome.HOLDS, "so", {"n": 3}, {"n": 3}, smallest_effect="1"
    )
    assert violated("not so", measured={"n": 3}, hint="fix it", diagnosis="kl-sign") == Verdict(
        Outcome.VIOLATED, "not so", {"n": 3}, {}, "fix it", "kl-sign"
    )
    assert inconclusive("near", measured={"n": 3}, expected={"n": 4}) == Verdict(Outcome.INCONCLUSIVE, "near", {"n": 3}, {"n": 4})
    assert not_applicable("other") == Verdict(Outcome.NOT_APPLICABLE, "other")


def test_a_verdict_keeps_its_own_hint_and_cannot_be_changed() -> None:
    assert violated("x").with_hint("the claim's").hint == "the claim's"
    assert violated("x", hint="its own").with_hint("the claim's").hint == "its own"
    with pytest.raises(FrozenInstanceError):
        violated("x").message = "y"  # type: ignore[misc]


# documents ----------------------------------------------------------------------------------------


def test_sources_name_a_document_and_a_section() -> None:
    assert str(notes("13.4.7")) == "Deep Learning Notes 13.4, 13.4.7"
    assert str(basics("lab")) == "VAE Basics 6.6.3, lab"
    assert str(ENGINEERING).startswith("engineering")
    assert DOCUMENTS == {"A": NOTES, "B": BASICS}


@pytest.mark.parametrize(("make", "section"), [(notes, "lab"), (notes, "13.4.8"), (basics, "objective"), (basics, "")])
def test_an_unknown_section_is_refused(make: object, section: str) -> None:
    with pytest.raises(ValueError, match="has no section"):
        make(section)


def test_no_document_needs_no_section() -> None:
    assert str(Source(None, "anything")) == "anything"


# claims -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", ["KL-7", "KL-777", "KL77", "kl-07", "XYZ-01", "-01", "KL-01 ", ""])
def test_a_bad_id_is_refused(bad: str) -> None:
    with pytest.raises(ValueError, match="is not an id"):
        claim(id=bad)


def test_unknown_mistakes_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match="KL-77 names unknown mistakes: no-such, other"):
        claim(mistakes=("kl-sign", "no-such", "other"))


@pytest.mark.parametrize("forgotten", ["check", "spends_error_budget", "at_other_sizes"])
def test_an_exact_claim_says_all_that_is_asked_of_one(forgotten: str) -> None:
    with pytest.raises(ValueError, match="KL-77 has to say either check"):
        claim(**{forgotten: None})


@pytest.mark.parametrize("forgotten", ["judge", "experiment", "role", "holds_when_collapsed"])
def test_a_trained_claim_says_all_that_is_asked_of_one(forgotten: str) -> None:
    with pytest.raises(ValueError, match="TRN-77 has to say either check"):
        trained(**{forgotten: None})


@pytest.mark.parametrize(
    "other", [{"judge": lambda *_: holds("")}, {"experiment": Experiment.LAB}, {"role": Role.ALONE}, {"as_it_is": True}]
)
def test_an_exact_claim_says_nothing_of_trainings(other: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="KL-77 has to say either check"):
        claim(**other)
    with pytest.raises(ValueError, match="KL-77 has to say how it is decided"):
        claim(decision="")


def test_a_claim_without_a_rank_is_no_claim() -> None:
    said = {name: getattr(claim(), name) for name in ("id", "title", "level", "statement", "sources", "why", "hint", "decision")}
    with pytest.raises(TypeError, match="rank"):
        Claim(**said)


R2 = above("held-out R2", 0.25, "between 0.1 and 0.4")


def test_statement_formula_and_decision_take_their_numbers_from_the_bounds() -> None:
    one = trained(
        judge=None,
        decision="",
        statement="more than {0}",
        formula="R² > {0}, late < {1}",
        bounds=(R2, below("late change of the loss over its drop", 0.05, "between 0.03 and 1", scope=FIXED_SCALE)),
        measured="on held-out items",
    )
    assert (one.statement, one.formula) == ("more than 0.25", "R² > 0.25, late < 0.05")
    assert one.decision == (
        "held-out R2 > 0.25; late change of the loss over its drop < 0.05 (not for a learned variance), over 2, 3, 6 or 10 seeds;"
        " on held-out items"
    )
    assert replace(one, title="u").decision == one.decision
    paired = trained(judge=None, experiment=Experiment.CONTRAST, bounds=between("log of the effective beta", 0.5, 2, "why", log=True))
    assert paired.decision == "effective beta > 0.5 and < 2, paired by seed, over 2, 3, 6 or 10 seeds"


def test_a_bound_that_an_implementation_is_outside_of_is_not_asked() -> None:
    curve = below("late change of the loss over its drop", 0.05, "between 0.03 and 1", scope=FIXED_SCALE)
    one = trained(judge=None, bounds=(R2, curve))
    assert one.applicable_bounds(facts()) == [R2, curve]
    assert one.applicable_bounds(facts(learned_scale=True)) == [R2]
    assert one.applicable_bounds(facts(given_weights=True)) == [R2], "one trained model has no curve"


def test_a_border_moves_with_the_size_and_into_logarithms() -> None:
    scaled = above("held-out R2", 0.2, "", scaling=Scaling("half", lambda _facts: 0.5))
    assert scaled.border(facts()) == 0.1
    assert above("log of the effective beta", 2, "", log=True).border(facts()) == pytest.approx(math.log(2))
    assert above("log of the effective beta", -0.5, "").number == "−0.5"
    with pytest.raises(ValueError, match="neither a functional nor a comparison"):
        above("no such number", 1, "")
    with pytest.raises(ValueError, match="come together"):
        above("held-out R2", 1, "", spread=0.1)


# the registry -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ([claim(), claim()], "two claims are called KL-77"),
        ([claim(explains=("KL-78",))], "KL-77 explains unknown claims: KL-78"),
        ([claim(rank=3), claim(id="KL-78", rank=3)], "KL-78 and KL-77 have one rank: 3"),
    ],
)
def test_what_claims_say_of_each_other_is_checked(found: list[Claim], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        check_references(found)


def test_area_and_profile_follow() -> None:
    assert (claim().area, claim().profile) == ("KL", Profile.EXACT)
    assert (trained().area, trained().profile) == ("TRN", Profile.QUICK)


def test_profiles_include_the_smaller_ones() -> None:
    assert [[profile.includes(other) for other in Profile] for profile in Profile] == [
        [True, False, False],
        [True, True, False],
        [True, True, True],
    ]
