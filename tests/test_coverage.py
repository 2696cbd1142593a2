"""Two-way coverage of claims, checks, mutants, mistakes and killers: four lists, each empty or waived with a reason."""

from __future__ import annotations

from catalogue_index import entries
from vae_spec.mistakes import MISTAKES
from vae_spec.outcomes import Level
from vae_spec.registry import CLAIMS

CLAIMS_WITHOUT_A_MUTANT = {
    "NET-05": "informational: it reports what eval mode does, and rejects nothing",
    "TOY-02": "concerns the reference's own tiny VAE alone; its mutants are in test_reference.py",
}
MISTAKES_WITHOUT_A_KILLER = {
    "sample-by-encoding-noise": "waits for SMP-01: no claim looks at a model's own prior samples yet",
    "memorising-decoder": "waits for SMP-03: no claim compares prior samples with training items yet",
}


def test_every_mistake_has_an_entry():
    assert set(MISTAKES) == {entry.mistake for entry in entries("broken")}


def test_every_mistake_has_a_killer_or_a_waiver():
    killed = {entry.mistake for entry in entries("broken") if entry.killers}
    assert set(MISTAKES) - killed == set(MISTAKES_WITHOUT_A_KILLER)


def test_every_claim_has_a_mutant_that_it_kills_or_a_waiver():
    killing = {claim for entry in entries("broken") for claim in entry.killers}
    assert set(CLAIMS) - killing == set(CLAIMS_WITHOUT_A_MUTANT)


def test_every_killer_is_a_claim():
    assert {claim for entry in entries("broken") for claim in entry.killers} <= set(CLAIMS)


def test_every_required_claim_kills_something_of_its_own():
    alone = {entry.killers[0] for entry in entries("broken") if entry.killers}
    required = {claim.id for claim in CLAIMS.values() if claim.level is Level.REQUIRED}
    named = {claim for entry in entries("broken") for claim in entry.killers}
    assert alone <= named
    assert required - named <= set(CLAIMS_WITHOUT_A_MUTANT)


def test_a_claim_names_the_mistakes_whose_entries_it_kills():
    for entry in entries("broken"):
        for killer in entry.killers:
            assert entry.mistake in CLAIMS[killer].mistakes, f"{killer} kills {entry.name} but does not name {entry.mistake}"


def test_each_mistake_that_a_claim_names_has_an_entry_that_is_killed():
    killed = {entry.mistake for entry in entries("broken") if entry.killers}
    for claim in CLAIMS.values():
        assert set(claim.mistakes) <= killed | set(MISTAKES_WITHOUT_A_KILLER), claim.id
