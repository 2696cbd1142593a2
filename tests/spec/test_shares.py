"""The shares of the error budget: each claim that decides by chance has one, and no other."""

from __future__ import annotations

from types import CodeType, FunctionType

import pytest

from vae_spec.context import FALSE_ALARM_BUDGET
from vae_spec.registry import CLAIMS, share


@pytest.mark.parametrize("budget", [FALSE_ALARM_BUDGET, 1e-3])
def test_the_shares_spend_the_budget_and_no_more(budget: float) -> None:
    shares = [part for claim in CLAIMS if (part := share(claim, budget))]
    assert 0.99 * budget < sum(shares) <= budget * (1 + 1e-12)
    assert len(set(shares)) == 1


def reads_level(code: CodeType) -> bool:
    """Whether a function, or one inside it, looks at a context's level."""
    return "level" in code.co_names or any(reads_level(inner) for inner in code.co_consts if isinstance(inner, CodeType))


def test_every_claim_that_decides_by_chance_has_a_share_and_no_other_has() -> None:
    for claim in CLAIMS.values():
        by_chance = isinstance(claim.check, FunctionType) and reads_level(claim.check.__code__)
        assert (share(claim.id) > 0) == by_chance, claim.id


def test_an_unknown_claim_has_no_share() -> None:
    assert share("KL-77") == 0.0
