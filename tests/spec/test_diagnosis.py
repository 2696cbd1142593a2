"""From violated claims to the mistake behind them."""

from __future__ import annotations

from vae_spec.diagnosis import Role, cleared, consequences, diagnose, follows, nearness
from vae_spec.registry import CLAIMS


def test_ranked_claims_on_parts_come_before_those_on_trainings() -> None:
    ranked = sorted((claim for claim in CLAIMS.values() if claim.rank is not None), key=lambda claim: nearness(claim))
    assert [claim.trained for claim in ranked] == sorted(claim.trained for claim in ranked)
    assert all(claim.mistakes for claim in ranked)


def test_phenomena_follow_from_every_cause_and_from_each_other_where_said_alone() -> None:
    phenomena = {claim.id for claim in CLAIMS.values() if claim.role is Role.PHENOMENON}
    assert phenomena <= follows("KL-01", CLAIMS) & follows("TRN-02", CLAIMS)
    assert all(follows(claim, CLAIMS) == set(CLAIMS[claim].explains) for claim in phenomena)


def test_the_sampler_s_identity_explains_what_follows_from_it():
    (only,) = diagnose({"KL-02": None, "REP-01": "std-no-half", "REP-02": "eps-shrunk", "REP-04": "std-no-half"}, CLAIMS)
    assert (only.mistake, only.confidence) == ("std-no-half", 1.0)
    assert only.evidence[0] == "REP-01"


def test_code_that_does_not_run_comes_first():
    first = diagnose({"NET-06": "activation-on-heads", "OBJ-04": "cuda-always", "NET-03": None}, CLAIMS)[0]
    assert (first.mistake, first.confidence) == ("cuda-always", 1.0)


def test_two_mistakes_are_both_named():
    found = diagnose({"OBJ-01": "beta-unused", "REP-02": "eps-from-rand"}, CLAIMS)
    assert [one.mistake for one in found] == ["eps-from-rand", "beta-unused"]
    assert all(one.confidence == 0.5 for one in found)


def test_nothing_violated_and_nothing_named():
    assert diagnose({}, CLAIMS) == ()
    assert diagnose({"KL-02": None}, CLAIMS) == ()


def test_what_a_part_explains_takes_in_the_phenomena_that_follow() -> None:
    votes = {"OBJ-01": "beta-unused", "BETA-01": "beta-unused", "SMP-01": "recon-mean-kl-sum", "LAT-02": "autoencoder-plus-noise"}
    (likely,) = diagnose(votes, CLAIMS)
    assert (likely.mistake, likely.confidence) == ("beta-unused", 1.0)


def test_copies_explain_the_jumps_between_them() -> None:
    (likely,) = diagnose({"INT-01": "rounded-code", "SMP-03": "memorising-decoder"}, CLAIMS)
    assert (likely.mistake, likely.evidence) == ("memorising-decoder", ("SMP-03", "INT-01"))
    (alone,) = diagnose({"INT-01": "rounded-code"}, CLAIMS)
    assert alone.mistake == "rounded-code"


def test_of_two_mistakes_a_training_shows_the_one_that_it_names() -> None:
    named = {"REP-01": "std-no-half", "OBJ-02": "recon-mean-kl-sum", "KL-03": "recon-mean-kl-sum"}
    seen = {"TRN-02": "recon-mean-kl-sum", "COL-01": "recon-mean-kl-sum", "SMP-01": None, "LAT-02": "autoencoder-plus-noise"}
    sampler, loss = diagnose(named | seen, CLAIMS)
    assert (sampler.mistake, set(sampler.evidence)) == ("std-no-half", {"REP-01", "SMP-01", "LAT-02"})
    assert (loss.mistake, set(loss.evidence)) == ("recon-mean-kl-sum", {"OBJ-02", "KL-03", "TRN-02", "COL-01"})


def test_what_a_part_s_claim_does_not_name_a_training_may() -> None:
    (found,) = diagnose({"KL-02": None, "TRN-06": "autoencoder-plus-noise", "LAT-02": "autoencoder-plus-noise"}, CLAIMS)
    assert (found.mistake, set(found.evidence)) == ("autoencoder-plus-noise", {"TRN-06", "LAT-02"})


def test_what_follows_from_what_follows_is_explained_too() -> None:
    votes = {
        "OBJ-01": "kl-sign",
        "OBJ-02": "kl-sign",
        "TRN-06": "autoencoder-plus-noise",
        "REC-01": "decoder-ignores-z",
        "REP-02": "eps-shrunk",
    }
    first, second = diagnose(votes, CLAIMS)
    assert (first.mistake, second.mistake) == ("eps-shrunk", "kl-sign")
    assert set(second.evidence) == {"OBJ-01", "OBJ-02", "TRN-06", "REC-01"}
    assert consequences("OBJ-01", {claim: CLAIMS[claim] for claim in ("OBJ-01", "TRN-06")}) == {"OBJ-01"}


def test_what_every_exact_claim_that_looks_for_it_says_is_not_made() -> None:
    exact = [(("beta-unused", "kl-sign"), True), (("beta-unused",), True), (("kl-sign", "missing-half"), False), ((), True)]
    assert cleared(exact) == {"beta-unused"}


def test_a_training_does_not_name_a_mistake_that_is_not_made() -> None:
    votes = {"BETA-03": "beta-unused", "SMP-01": None}
    assert [likely.mistake for likely in diagnose(votes, CLAIMS)] == ["beta-unused"]
    assert diagnose(votes, CLAIMS, cleared={"beta-unused"}) == ()
    (part,) = diagnose({"OBJ-01": "beta-unused"}, CLAIMS, cleared={"beta-unused"})
    assert part.mistake == "beta-unused", "a claim on a part counts, whatever others say"


def test_claims_on_parts_are_nearer_than_those_on_trainings() -> None:
    keys = [nearness(CLAIMS[claim]) for claim in ("REP-01", "KL-02", "TRN-06", "EXR-01")]
    assert keys == sorted(set(keys))
