"""Select the claims of a run, without the heavy imports of the session, which a process that only distributes tests does not need."""

from __future__ import annotations

from collections.abc import Iterable

from vae_conformance.config.options import RunOptions
from vae_conformance.errors import Unbound
from vae_spec.claim import Claim, Profile
from vae_spec.diagnosis import nearness
from vae_spec.registry import CLAIMS, select


def selected(options: RunOptions) -> tuple[Claim, ...]:
    """Return the claims that a run asks.

    Raises:
        Unbound: `only` or an expected failure names an unknown claim or area.
    """
    profile = Profile(options.profile)
    for name in options.expected_failures:
        if name not in CLAIMS:
            raise Unbound(f"an expected failure names {name}, which is no claim", "vae-conformance claims lists them")
    try:
        return select(profile, options.only)
    except KeyError as error:
        raise Unbound(f"{error.args[0]} is neither a claim nor an area", "vae-conformance claims lists them") from None


def in_asking_order(claims: Iterable[Claim], options: RunOptions) -> list[Claim]:
    """Sort claims as a run asks them: exact claims first, those nearest to the cause of a mistake before the others.

    Of the trained claims, those with trainings of their own come first, since no other worker can share these; under `fail_fast` they too
    come in the order of their nearness.
    """

    def place(claim: Claim) -> tuple[bool, bool, float]:
        by_nearness = options.fail_fast or not claim.trained
        return claim.trained, claim.trained and not claim.reference_only, nearness(claim) if by_nearness else 0.0

    return sorted(claims, key=place)
