"""From a verdict to the parts of the implementation that its author should look at."""

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
"""What a fault calls the operations that are not named after a part."""


def parts_concerned(claim: Claim, verdict: Verdict) -> tuple[Part, ...]:
    """The parts that a verdict speaks of, the likeliest first.

    The part that failed when it was called, or is missing, comes before all others. Then the parts of the mistake that the verdict names,
    those that the claim looks at ahead. Where no mistake is named, the parts that the claim looks at: see `Claim.concerns`.
    """
    seen = claim.concerns
    known = MISTAKES.get(verdict.diagnosis or "")
    suspects = seen if known is None else tuple(sorted(known.parts, key=lambda part: part not in seen))
    failed = _failed(verdict)
    return tuple(dict.fromkeys((*failed, *suspects)))


def _failed(verdict: Verdict) -> tuple[Part, ...]:
    """The part that a precondition or a fault names."""
    named = verdict.measured.get("part", verdict.measured.get("operation"))
    if named in _OPERATIONS:
        return (_OPERATIONS[str(named)],)
    return tuple(part for part in Part if part == named)
