"""Coverage in both directions between claims, mutants, mistakes and killers; each gap is waived with a reason."""

from __future__ import annotations

import golden
from catalogue_index import entries
from vae_spec.mistakes import MISTAKES
from vae_spec.outcomes import Level
from vae_spec.registry import CLAIMS

CLAIMS_WITHOUT_A_MUTANT = {
    "NET-05": "informational: it reports what eval mode does, and rejects nothing",
    "TRN-08": "concerns the reference's own training on MNIST, which is not shipped; what it rejects is in tests/spec/test_systems.py",
    "TRN-03": "informational: it reports the course of the loss and of its KL, and rejects nothing",
    "REC-03": "informational: it reports what the reconstruction gives up, and rejects nothing",
    "LAT-01": "informational: it reports how classes lie in the latent space, and rejects nothing",
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
NEVER_ALONE: dict[str, tuple[frozenset[str], str]] = {
    claim: (frozenset(others.split()), reason)
    for claim, others, reason in (
        ("KL-01", "KL-03", "a KL that is negative, or not zero at the prior, is not the closed form either"),
        ("KL-02", "KL-03 REP-02", "where closed form and samples differ, the formula is wrong or the noise is"),
        ("KL-03", "KL-01 KL-05 OBJ-02", "a KL off by a constant misses zero; any other one has other gradients, or another weight"),
        ("KL-04", "KL-03", "a KL that is no sum over items and dimensions is not the closed form, which is one"),
        (
            "KL-05",
            "KL-03",
            "in each entry the value is another one too; a right value with other gradients, as of a detached KL, is in no entry",
        ),
        ("REP-01", "NET-03", "forward takes the same sampling step, and NET-03 asks it for the same spread in either mode"),
        ("REP-03", "NET-03", "forward takes the same sampling step, and NET-03 tests its noise for independence"),
        ("REP-04", "REP-05", "gradients that are wrong for each draw are wrong on average"),
        ("REP-05", "REP-04 REP-02 TRN-07", "gradients are wrong on average if they are for each draw, or the noise is wrong or unseeded"),
        (
            "REP-06",
            "REP-01",
            "in each entry the step fails for a batch size or on a device, wherever it is called; one that changes mu is in no entry",
        ),
        ("NET-04", "NET-01 NET-03 INT-03", "an output that x reaches past z is none of decode's at the ends of a line either"),
        ("NET-10", "NET-02 NET-03", "a tensor that is changed in place is another one when the parts are compared"),
        ("INT-03", "NET-03 NET-04", "the ends of a line are passes without noise: what is wrong there is wrong in forward"),
        ("TRN-07", "OBJ-03 REP-05", "a loss that overflows, or noise that no seed reaches, is seen in one call as well"),
        (
            "REC-01",
            "NET-01 NET-02 OBJ-02 TRN-06",
            "networks that lose the item are seen untrained, and another size of noise or weight has another price",
        ),
        ("REC-02", "OBJ-01 NET-06", "nothing is smoothed where the KL has no weight, which the loss or the heads show"),
        ("REC-05", "TRN-06", "what eval mode changes is also not at the optimum that training reached"),
        ("SMP-01", "NET-01 NET-02 OBJ-02", "samples all alike come from a code that carries nothing, and so from a part or a weight"),
        ("SMP-03", "NET-09 INT-01", "a table of images jumps from one to the next, and does not reach other outputs"),
        ("SMP-04", "OBJ-01", "an autoencoder samples as well as a VAE whose KL pulls nowhere"),
        (
            "LAT-02",
            "OBJ-01 NET-06 KL-01",
            "codes spread where the KL has no weight, is missing or has the other sign, which the loss or the heads show",
        ),
        ("BETA-03", "BETA-01", "sharpness and the distance from the prior change with the KL, which is what beta weighs"),
        (
            "BETA-04",
            "BETA-01 KL-01",
            "a beta that does nothing at 4 does nothing at 0 in these entries, and nothing is weighed without a KL",
        ),
        ("COL-01", "NET-01 NET-02 OBJ-02 REP-04 TRN-06", "each cause of a collapse is a part that is cut off, or a weight"),
        ("TOY-01", "NET-02 OBJ-01", "points are not reconstructed where a part is cut off or the KL has another sign"),
        ("TOY-03", "REP-01 TOY-05", "samples off the data come from codes off the prior, and copies jump"),
        ("TOY-04", "OBJ-01", "a weight that changes nothing in the lab is not in the loss"),
    )
}
"""Claims that no entry violates alone: with which others, at least one of them, they are violated, and why."""


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


def deciding() -> set[str]:
    levels = (Level.REQUIRED, Level.EXPECTED)
    return {claim.id for claim in CLAIMS.values() if claim.level in levels} - set(CLAIMS_WITHOUT_A_MUTANT)


def rejections() -> dict[str, set[str]]:
    """The claims that reject each broken entry: the exact ones of golden.jsonl, and its killers.

    Where no exact claim rejects it, the kill matrix sees to it that no other claim on the killers' trainings does.
    """
    results = golden.read()
    return {entry.name: {*results[entry.name].violated, *entry.killers} for entry in entries("broken")}


def test_every_required_or_expected_claim_kills_something_of_its_own_or_is_waived():
    """A claim that nothing violates alone could be left out without a mistake passing: each such one has its reason."""
    alone = {claim for rejecting in rejections().values() if len(rejecting) == 1 for claim in rejecting}
    assert deciding() - alone == set(NEVER_ALONE)


def test_a_claim_that_is_never_violated_alone_is_violated_with_those_that_its_waiver_names():
    for entry, rejecting in rejections().items():
        for claim in NEVER_ALONE.keys() & rejecting:
            others, reason = NEVER_ALONE[claim]
            assert others & rejecting, f"{claim} in {entry}: {reason}"


def test_a_claim_names_the_mistakes_whose_entries_it_kills():
    for entry in entries("broken"):
        for killer in entry.killers:
            assert entry.mistake in CLAIMS[killer].mistakes, f"{killer} kills {entry.name} but does not name {entry.mistake}"


def test_each_mistake_that_a_claim_names_has_an_entry_that_is_killed():
    killed = {entry.mistake for entry in entries("broken") if entry.killers}
    for claim in CLAIMS.values():
        assert set(claim.mistakes) <= killed | set(MISTAKES_WITHOUT_A_KILLER), claim.id
