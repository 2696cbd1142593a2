"""Claims that could not be evaluated because a part was not found."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from vae_conformance.runner.events import ClaimVerdict
from vae_spec.outcomes import Outcome
from vae_spec.parts import Part

REPLACEABLE = (Part.LOSS, Part.DRAW)
"""Parts that probably exist although they were not detected. An absence of other parts is not a gap."""


@dataclass(frozen=True)
class Unasked:
    """Claims that could not be evaluated because parts were not found.

    Attributes:
        parts: the names of the missing parts.
        claims: the ids of the claims.
    """

    parts: tuple[str, ...] = ()
    claims: tuple[str, ...] = ()


def unasked(verdicts: Iterable[ClaimVerdict]) -> Unasked:
    """Return the claims that a missing part prevented from being evaluated, and the parts."""
    waiting = {
        verdict.claim: str(verdict.measured["part"])
        for verdict in verdicts
        if verdict.outcome is Outcome.NOT_APPLICABLE and verdict.measured.get("part") in REPLACEABLE
    }
    return Unasked(tuple(part for part in map(str, REPLACEABLE) if part in waiting.values()), tuple(waiting))
