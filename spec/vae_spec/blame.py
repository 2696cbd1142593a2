"""Finding the parts of the implementation that a verdict concerns."""

from __future__ import annotations

from vae_spec.claim import Claim
from vae_spec.mistakes import MISTAKES
from vae_spec.outcomes import Verdict
from vae_spec.parts import Part

_OPERATIONS = {
    "construction": Part.PARAMETERS,
    "load_state_dict": Part.PARAMETERS,
    "training": Part.FORWARD,
    "sampling method": Part.DECODE,
}
"""Parts by the operation that a fault names, for operations not named after a part."""


def parts_concerned(claim: Claim, verdict: Verdict) -> tuple[Part, ...]:
    """Return the parts that a verdict concerns, the likeliest first.

    A part that failed or is missing comes first. Then come the parts of the mistake that the verdict names, those that the claim concerns
    before the others; if no mistake is named, the parts that the claim concerns (see `Claim.concerns`).
    """
    seen = claim.concerns
    known = MISTAKES.get(verdict.diagnosis or "")
    suspects = seen if known is None else tuple(sorted(known.parts, key=lambda part: part not in seen))
    failed = _failed(verdict)
    return tuple(dict.fromkeys((*failed, *suspects)))


def _failed(verdict: Verdict) -> tuple[Part, ...]:
    """Return the part that a precondition or a fault names, or an empty tuple."""
    named = verdict.measured.get("part", verdict.measured.get("operation"))
    if named in _OPERATIONS:
        return (_OPERATIONS[str(named)],)
    return tuple(part for part in Part if part == named)
