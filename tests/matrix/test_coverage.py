"""Coverage in both directions between claims, mutants, mistakes and killers; each gap is waived with a reason."""

from __future__ import annotations

from catalogue_index import entries
from vae_spec.mistakes import MISTAKES
from vae_spec.outcomes import Level
from vae_spec.registry import CLAIMS

CLAIMS_WITHOUT_A_MUTANT = {
    "NET-05": "informational: it reports what eval mode does, and rejects nothing",
    "TRN-08": "concerns the reference's own training on MNIST, which is not shipped; what it rejects is in tests/spec/test_systems.py",
    "LAT-03": "informational: it reports whether classes are joined, and rejects nothing",
    "INT-02": "informational: it reports densities along paths, and rejects nothing",
    "COL-04": "concerns the reference's own strong decoder; what it rejects is in tests/spec/test_systems.py",
    "EXR-01": "informational: it reports an exercise, and rejects nothing",
    "EXR-02": "informational: it reports an exercise, and rejects nothing",
    "EXR-03": "informational: it reports an exercise, and rejects nothing",
    "EXR-04": "informational: it reports an exercise, and rejects nothing",
    "CMP-01": "informational: it reports a comparison, and rejects nothing",
    "TOY-02": "concerns the reference's own tiny VAE alone; its printed figures are in tests/reference/test_reference.py",
    "TOY-06": "concerns the reference's own tiny VAE alone, which has either activation; its mutants are in tests/spec/test_toy.py",
}
MISTAKES_WITHOUT_A_KILLER: dict[str, str] = {}


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
