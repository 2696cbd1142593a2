"""The registry of all claims, in the order of reports."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from pkgutil import iter_modules
from types import MappingProxyType

from vae_spec import claims
from vae_spec.areas import AREAS
from vae_spec.claim import Claim, Profile
from vae_spec.context import FALSE_ALARM_BUDGET


def _gather() -> Mapping[str, Claim]:
    modules = [import_module(f"{claims.__name__}.{module.name}") for module in iter_modules(claims.__path__)]
    found = [value for module in modules for value in vars(module).values() if isinstance(value, Claim)]
    check_references(found)
    areas = list(AREAS)
    ordered = sorted({claim.id: claim for claim in found}.values(), key=lambda claim: (areas.index(claim.area), claim.id))
    return MappingProxyType({claim.id: claim for claim in ordered})


def check_references(found: Sequence[Claim]) -> None:
    """Check the claims' references to each other.

    Raises:
        ValueError: two claims share an id or a rank, or a claim explains an unknown one.
    """
    known = {claim.id: claim for claim in found}
    by_rank: dict[int, str] = {}
    for claim in found:
        if known[claim.id] is not claim:
            raise ValueError(f"two claims are called {claim.id}")
        if unknown := [other for other in claim.explains if other not in known]:
            raise ValueError(f"{claim.id} explains unknown claims: {', '.join(unknown)}")
        if claim.rank is not None and by_rank.setdefault(claim.rank, claim.id) != claim.id:
            raise ValueError(f"{claim.id} and {by_rank[claim.rank]} have one rank: {claim.rank}")


CLAIMS: Mapping[str, Claim] = _gather()
"""Every claim by its id."""

WITHDRAWN: Mapping[str, str] = MappingProxyType(
    {
        "TRN-04": "TRN-01",
        "TRN-05": "BETA-01",
        "SMP-02": "SMP-01",
        "LAT-03": "LAT-01",
        "BETA-02": "BETA-01",
        "COL-02": "COL-01",
        "COL-03": "BETA-01",
    }
)
"""Claims that are part of another one now, by their ids, which no other claim is given."""


def select(profile: Profile, only: Iterable[str] = ()) -> tuple[Claim, ...]:
    """Return the claims of a profile, restricted to ids or areas.

    A claim selected by id is included regardless of the profile.

    Raises:
        KeyError: a name in `only` is neither a claim nor an area; the exception's argument is that name.
    """
    wanted = tuple(only)
    for name in wanted:
        if name not in CLAIMS and not any(claim.area == name for claim in CLAIMS.values()):
            raise KeyError(name)
    return tuple(
        claim
        for claim in CLAIMS.values()
        if (profile.includes(claim.profile) and not wanted)
        or claim.id in wanted
        or (claim.area in wanted and profile.includes(claim.profile))
    )


def share(claim: str, budget: float = FALSE_ALARM_BUDGET) -> float:
    """Return the bound on the probability of a claim's false alarm: an equal share of the run's budget, or 0 for an identity.

    By a union bound the claims that depend on random draws share the budget; each divides its own share among its examples.
    """
    spending = [one.id for one in CLAIMS.values() if one.spends_error_budget]
    return budget / len(spending) if claim in spending else 0.0
