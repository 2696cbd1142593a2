"""The registries: every claim and every mistake is there, in order, and says all that a report shows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from vae_spec import claims
from vae_spec.areas import AREAS
from vae_spec.claim import Claim, Profile
from vae_spec.mistakes import MISTAKES
from vae_spec.outcomes import Level
from vae_spec.registry import CLAIMS, WITHDRAWN, select

# mistakes -----------------------------------------------------------------------------------------


def test_every_mistake_says_what_is_seen_and_how_to_mend_it() -> None:
    for mistake in MISTAKES.values():
        assert all(words and not words.endswith((".", " ")) for words in (mistake.what, mistake.seen, mistake.fix)), mistake.id
        assert mistake.frequency in {"commonest", "very common", "common", "some", "rare"}


# the registry -------------------------------------------------------------------------------------


def test_claims_come_in_the_order_of_reports_and_their_numbers_have_no_gaps() -> None:
    assert all(key == one.id for key, one in CLAIMS.items())
    areas = [one.area for one in CLAIMS.values()]
    assert list(dict.fromkeys(areas)) == list(AREAS), "every area has claims"
    every = {area: areas.count(area) + sum(gone.startswith(f"{area}-") for gone in WITHDRAWN) for area in AREAS}
    numbers = [f"{area}-{number + 1:02}" for area in AREAS for number in range(every[area])]
    assert list(CLAIMS) == [number for number in numbers if number not in WITHDRAWN]
    assert set(WITHDRAWN.values()) <= CLAIMS.keys()


def test_every_claim_of_a_module_is_gathered() -> None:
    written = [
        name for file in Path(claims.__path__[0]).glob("*.py") for name in re.findall(r"^([A-Z]+_\d\d) = ", file.read_text(), re.MULTILINE)
    ]
    assert sorted(written) == sorted(one.replace("-", "_") for one in CLAIMS)


def test_every_mistake_is_rejected_by_a_claim() -> None:
    assert set(MISTAKES) == {mistake for one in CLAIMS.values() for mistake in one.mistakes}


@pytest.mark.parametrize("one", CLAIMS.values(), ids=lambda one: one.id)
def test_a_claim_says_all_that_a_report_shows(one: Claim) -> None:
    for words in (one.title, one.statement, one.decision, one.hint):
        assert words == words.strip()
        assert not words.endswith(".")
        assert "  " not in words
    assert one.title
    assert one.statement
    assert one.decision
    assert one.sources
    assert one.why.endswith(".")
    assert "  " not in one.why
    assert one.statement[0] == one.statement[0].lower() or one.statement[:2].isupper()
    assert one.needs
    assert len(set(one.mistakes)) == len(one.mistakes)
    if one.level is not Level.INFORMATIONAL:
        assert one.hint


def test_statements_and_titles_are_unlike_each_other() -> None:
    assert len({one.statement for one in CLAIMS.values()}) == len({one.title for one in CLAIMS.values()}) == len(CLAIMS)


def test_required_exact_claims_reject_something() -> None:
    assert all(one.mistakes for one in CLAIMS.values() if one.check is not None and one.level is Level.REQUIRED)


def ids(profile: Profile, *only: str) -> list[str]:
    return [one.id for one in select(profile, only)]


def test_profiles_select_what_they_ask() -> None:
    assert ids(Profile.EXACT) == [one.id for one in CLAIMS.values() if not one.trained]
    assert ids(Profile.QUICK) == [one.id for one in CLAIMS.values() if not one.reference_only]
    assert ids(Profile.FULL) == list(CLAIMS)


def test_ids_and_areas_narrow_a_selection_in_the_order_of_reports() -> None:
    assert ids(Profile.QUICK, "REP-02", "KL-02") == ["KL-02", "REP-02"]
    assert ids(Profile.EXACT, "KL") == ["KL-01", "KL-02", "KL-03", "KL-04", "KL-05"]
    assert ids(Profile.QUICK, "COL", "KL-03", "COL-01") == ["KL-03", "COL-01"]
    # A claim named by its id is asked even where the profile alone would leave it out; an area keeps to the profile.
    assert ids(Profile.EXACT, "TRN-01") == ["TRN-01"]
    assert ids(Profile.EXACT, "TRN", "OBJ-01") == ["OBJ-01"]


@pytest.mark.parametrize("unknown", ["KL-99", "kl-02", "XYZ", "SMP-99", ""])
def test_an_unknown_name_is_refused_by_that_name(unknown: str) -> None:
    with pytest.raises(KeyError) as raised:
        select(Profile.FULL, ["KL-02", unknown])
    assert raised.value.args == (unknown,)
