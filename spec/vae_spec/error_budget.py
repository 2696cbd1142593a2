"""The error budget: the run's false-alarm probability and its shares for the claims that depend on random draws."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from vae_spec.context import FALSE_ALARM_BUDGET
from vae_spec.registry import CLAIMS


@dataclass(frozen=True)
class Ledger:
    """The budget of one run and each claim's share (a union bound over claims; each claim divides its own among its examples)."""

    budget: float
    shares: Mapping[str, float]

    def share(self, claim: str) -> float:
        """Return the bound on the claim's false-alarm probability; 0 for an identity."""
        return self.shares.get(claim, 0.0)

    @property
    def spent(self) -> float:
        """The sum of all shares, at most the budget."""
        return sum(self.shares.values())


def ledger(budget: float = FALSE_ALARM_BUDGET) -> Ledger:
    """Return the budget in equal shares for the claims that spend it."""
    spending = [claim.id for claim in CLAIMS.values() if claim.spends_error_budget]
    return Ledger(budget, {claim: budget / len(spending) for claim in spending})
