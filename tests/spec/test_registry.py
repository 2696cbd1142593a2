"""The registries: every claim and every mistake is there, in order, and says all that a report shows."""

from __future__ import annotations

import pytest

from vae_spec.areas import AREAS
from vae_spec.claim import Claim, Profile
from vae_spec.mistakes import MISTAKES
from vae_spec.outcomes import Level
from vae_spec.registry import CLAIMS, select

IDS = [
    "OBJ-01",
    "OBJ-02",
    "OBJ-03",
    "OBJ-04",
    "OBJ-05",
    "KL-01",
    "KL-02",
    "KL-03",
    "KL-04",
    "KL-05",
    "REP-01",
    "REP-02",
    "REP-03",
    "REP-04",
    "REP-05",
    "REP-06",
    "NET-01",
    "NET-02",
    "NET-03",
    "NET-04",
    "NET-05",
    "NET-06",
    "TRN-01",
    "TRN-02",
    "TRN-03",
    "TRN-04",
    "TRN-05",
    "TRN-06",
    "TRN-07",
    "TRN-08",
    "REC-01",
    "REC-02",
    "REC-03",
    "SMP-01",
    "SMP-02",
    "SMP-03",
    "SMP-04",
    "SMP-05",
    "LAT-01",
    "LAT-02",
    "LAT-03",
    "INT-01",
    "INT-02",
    "INT-03",
    "BETA-01",
    "BETA-02",
    "BETA-03",
    "BETA-04",
    "COL-01",
    "COL-02",
    "COL-03",
    "COL-04",
    "TOY-01",
    "TOY-02",
    "TOY-03",
    "TOY-04",
    "TOY-05",
    "TOY-06",
    "EXR-01",
    "EXR-02",
    "EXR-03",
    "EXR-04",
    "CMP-01",
]
MISTAKE_IDS = [
    "recon-mean-kl-sum",
    "kl-mean-recon-sum",
    "terms-scale-with-batch",
    "eps-from-rand",
    "std-no-half",
    "logvar-as-std",
    "double-sigmoid",
    "data-out-of-range",
    "no-encoder-gradient",
    "activation-on-heads",
    "overflow",
    "kl-sign",
    "beta-unused",
    "sample-by-encoding-noise",
    "missing-half",
    "eps-shared",
    "eps-shrunk",
    "batch-size-frozen",
    "hard-coded-shape",
    "decoder-range",
    "not-a-module",
    "cuda-always",
    "encoder-ignores-x",
    "decoder-ignores-z",
    "decoder-sees-x",
    "shared-head",
    "kl-of-batch-mean",
    "kl-reversed",
    "kl-first-dimension",
    "kl-wrong-prior",
    "kl-missing-term",
    "autoencoder-plus-noise",
    "memorising-decoder",
    "mean-in-training",
    "batch-coupled-encoder",
    "rounded-code",
]

# mistakes -----------------------------------------------------------------------------------------


def test_every_known_mistake_is_there_in_order() -> None:
    assert list(MISTAKES) == MISTAKE_IDS


def test_every_mistake_says_what_is_seen_and_how_to_mend_it() -> None:
    for mistake in MISTAKES.values():
        assert all(words and not words.endswith((".", " ")) for words in (mistake.what, mistake.seen, mistake.mend)), mistake.id
        assert mistake.frequency in {"commonest", "very common", "common", "some", "rare"}


# the registry -------------------------------------------------------------------------------------


def test_every_claim_is_there_in_the_order_of_reports() -> None:
    assert list(CLAIMS) == IDS
    assert all(key == one.id for key, one in CLAIMS.items())
    areas = [one.area for one in CLAIMS.values()]
    assert areas == sorted(areas, key=list(AREAS).index)


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
    exact = [one for one in IDS if one.split("-")[0] in {"OBJ", "KL", "REP", "NET"} or one in {"SMP-05", "INT-03"}]
    assert ids(Profile.EXACT) == exact
    assert ids(Profile.QUICK) == [one for one in IDS if not CLAIMS[one].reference_only]
    assert ids(Profile.FULL) == IDS


def test_ids_and_areas_narrow_a_selection_in_the_order_of_reports() -> None:
    assert ids(Profile.QUICK, "REP-02", "KL-02") == ["KL-02", "REP-02"]
    assert ids(Profile.EXACT, "KL") == ["KL-01", "KL-02", "KL-03", "KL-04", "KL-05"]
    assert ids(Profile.QUICK, "COL", "KL-03", "COL-01") == ["KL-03", "COL-01", "COL-02", "COL-03"]
    # A claim named by its id is asked even where the profile alone would leave it out; an area keeps to the profile.
    assert ids(Profile.EXACT, "TRN-01") == ["TRN-01"]
    assert ids(Profile.EXACT, "TRN", "OBJ-01") == ["OBJ-01"]


@pytest.mark.parametrize("unknown", ["KL-99", "kl-02", "XYZ", "SMP-99", ""])
def test_an_unknown_name_is_refused_by_that_name(unknown: str) -> None:
    with pytest.raises(KeyError) as raised:
        select(Profile.FULL, ["KL-02", unknown])
    assert raised.value.args == (unknown,)
