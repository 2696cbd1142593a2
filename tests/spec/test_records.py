"""The records that pass between the packages refuse what is not in order."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest
from claim_samples import claim, trained

from vae_spec.claim import Experiment, Profile
from vae_spec.documents import BASICS, DOCUMENTS, ENGINEERING, NOTES, Source, basics, notes
from vae_spec.outcomes import Level, Outcome, Verdict, holds, inconclusive, not_applicable, violated

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
    ]
    assert [str(one) for one in Level] == ["required", "expected", "informational"]


def test_each_verdict_has_its_outcome_and_its_numbers() -> None:
    assert holds("so", measured={"n": 3}, expected={"n": 3}, smallest_effect="1") == Verdict(
        Outcome.HOLDS, "so", {"n": 3}, {"n": 3}, smallest_effect="1"
    )
    assert violated("not so", measured={"n": 3}, hint="mend", diagnosis="kl-sign") == Verdict(
        Outcome.VIOLATED, "not so", {"n": 3}, {}, "mend", "kl-sign"
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


@pytest.mark.parametrize(
    "changes",
    [
        {"check": None},
        {"judge": lambda *_: holds("")},
        {"experiment": Experiment.LAB},
        {"check": None, "judge": lambda *_: holds("")},
        {"check": None, "experiment": Experiment.LAB},
        {"judge": lambda *_: holds(""), "experiment": Experiment.LAB},
    ],
)
def test_a_claim_has_either_a_check_or_a_judge_and_an_experiment(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="needs either a check, or an experiment and what judges or compares its runs"):
        claim(**changes)


def test_area_and_profile_follow() -> None:
    assert (claim().area, claim().profile) == ("KL", Profile.EXACT)
    assert (trained().area, trained().profile) == ("TRN", Profile.QUICK)


def test_profiles_include_the_smaller_ones() -> None:
    assert [[profile.includes(other) for other in Profile] for profile in Profile] == [
        [True, False, False],
        [True, True, False],
        [True, True, True],
    ]
