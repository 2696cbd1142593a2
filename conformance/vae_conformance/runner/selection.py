"""Select the claims of a run, without the heavy imports of the session, which a process that only distributes tests does not need."""

from __future__ import annotations

from vae_conformance.config.options import RunOptions
from vae_conformance.errors import Unbound
from vae_spec.claim import Claim, Profile
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
