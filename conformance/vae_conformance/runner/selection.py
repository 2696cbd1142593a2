"""Which claims a run asks. Apart from the session, which imports far more than a process that only hands out work needs."""

from __future__ import annotations

from vae_conformance.config.options import RunOptions
from vae_conformance.errors import Unbound
from vae_spec.claim import Claim, Profile
from vae_spec.registry import CLAIMS, select


def selected(options: RunOptions) -> tuple[Claim, ...]:
    """The claims that a run asks.

    Raises:
        Unbound: `only` or an expected failure names what is no claim.
    """
    profile = Profile(options.profile)
    for name in options.expected_failures:
        if name not in CLAIMS:
            raise Unbound(f"an expected failure names {name}, which is no claim", "vae-conformance claims lists them")
    try:
        return select(profile, options.only)
    except KeyError as error:
        raise Unbound(f"{error.args[0]} is neither a claim nor an area", "vae-conformance claims lists them") from None
