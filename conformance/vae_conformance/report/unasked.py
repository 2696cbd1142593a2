"""What could not be asked because a part was not found, and what to do about it: a verdict says no more than was asked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from vae_conformance.events import ClaimVerdict
from vae_conformance.report.layout import count
from vae_spec.outcomes import Outcome
from vae_spec.parts import Part

_ADVICE: Mapping[str, str] = {
    Part.LOSS: "name the loss that training uses with --loss, or put it into the class or beside it; where it cannot be called as it is,"
    " docs/adapters.md shows a record that says how",
    Part.DRAW: "let the sampling step be a method, reparameterize(mu, logvar), or say with a record where it is: docs/adapters.md",
}
"""What helps, for the parts that people keep where nobody finds them. Others are not there by nature, and lack nothing."""
_NAMES: Mapping[str, str] = {Part.LOSS: "loss", Part.DRAW: "sampling step that can be called"}


@dataclass(frozen=True)
class Unasked:
    """Claims that could not be asked because parts were not found.

    Attributes:
        parts: the parts, by the names that reports call them.
        claims: the ids.
    """

    parts: tuple[str, ...] = ()
    claims: tuple[str, ...] = ()

    def words(self, among: int) -> str:
        """What was not found, and how many of so many claims that leaves open."""
        names = " and no ".join(_NAMES[part] for part in self.parts)
        found = "was" if len(self.parts) == 1 else "were"
        return f"no {names} {found} found, so {len(self.claims)} of {count(among, 'claim')} could not be asked"

    def advice(self) -> list[str]:
        """What to do about it, a sentence for each part."""
        return [_ADVICE[part] for part in self.parts]


def unasked(verdicts: Iterable[ClaimVerdict]) -> Unasked:
    """The claims that a missing part has kept from being asked, and the parts."""
    waiting = {
        verdict.claim: str(verdict.measured["part"])
        for verdict in verdicts
        if verdict.outcome is Outcome.NOT_APPLICABLE and verdict.measured.get("part") in _ADVICE
    }
    return Unasked(tuple(part for part in map(str, _ADVICE) if part in waiting.values()), tuple(waiting))
