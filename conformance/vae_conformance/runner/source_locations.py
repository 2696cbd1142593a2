"""Locate the likely cause of each violation in the implementation's source."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from vae_conformance.location import Location
from vae_conformance.runner.events import ClaimVerdict, FoundImplementation
from vae_spec.diagnosis import Likely
from vae_spec.outcomes import Outcome
from vae_spec.parts import Part

PLACED = frozenset({Outcome.VIOLATED, Outcome.INCONCLUSIVE, Outcome.EXPECTED_FAILURE})
"""The outcomes whose reports name source locations."""


def places(
    verdicts: Iterable[ClaimVerdict], likely: Sequence[Likely], implementation: FoundImplementation | None
) -> Mapping[str, tuple[Location, ...]]:
    """Return the locations to inspect for each failing claim, the likeliest first, without duplicates.

    A claim whose violation is explained by a claim nearer to the cause gets the locations of that claim. If the parts have no location,
    because they are missing, it is that of the constructor, in whose class they are missing.
    """
    parts_found = {} if implementation is None else implementation.binding.parts
    known = {name: part.location for name, part in parts_found.items() if part.location is not None}
    verdicts = [verdict for verdict in verdicts if verdict.outcome in PLACED]
    parts = {verdict.claim: verdict.parts for verdict in verdicts}
    named = {verdict.claim: verdict.diagnosis for verdict in verdicts}
    explained = {claim: parts.get(one.evidence[0], ()) for one in likely for claim in one.evidence if named.get(claim) != one.mistake}
    found: dict[str, tuple[Location, ...]] = {}
    for claim, own in parts.items():
        there = [known[part] for part in explained.get(claim) or own if part in known]
        fallback = [known[Part.PARAMETERS]] if own and Part.PARAMETERS in known else []
        found[claim] = tuple(dict.fromkeys(there or fallback))
    return found
