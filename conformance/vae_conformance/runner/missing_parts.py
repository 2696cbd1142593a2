"""What could not be asked because a part was not found, and what to do about it: a verdict says no more than was asked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from vae_conformance.runner.events import ClaimVerdict
from vae_spec.outcomes import Outcome
from vae_spec.parts import Part

REPLACEABLE = (Part.LOSS, Part.DRAW)
"""Parts that people keep where they are not found. Others are not there by nature, and lack nothing."""


@dataclass(frozen=True)
class Unasked:
    """Claims that could not be asked because parts were not found.

    Attributes:
        parts: the parts, by the names that reports call them.
        claims: the ids.
    """

    parts: tuple[str, ...] = ()
    claims: tuple[str, ...] = ()


def unasked(verdicts: Iterable[ClaimVerdict]) -> Unasked:
    """The claims that a missing part has kept from being asked, and the parts."""
    waiting = {
        verdict.claim: str(verdict.measured["part"])
        for verdict in verdicts
        if verdict.outcome is Outcome.NOT_APPLICABLE and verdict.measured.get("part") in REPLACEABLE
    }
    return Unasked(tuple(part for part in map(str, REPLACEABLE) if part in waiting.values()), tuple(waiting))
