"""The error budget: how the run's false-alarm budget is shared among the claims that decide by chance, and what each share buys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from vae_spec.registry import CLAIMS
from vae_spec.trial import FALSE_ALARM_BUDGET


@dataclass(frozen=True)
class Ledger:
    """The budget of one run and each claim's share of it (a union bound over claims; each claim shares its own among its examples)."""

    budget: float
    shares: Mapping[str, float]

    def share(self, claim: str) -> float:
        """The claim's false-alarm probability at most; 0 for a claim that is an identity."""
        return self.shares.get(claim, 0.0)

    @property
    def spent(self) -> float:
        """The sum of all shares: never more than the budget."""
        return sum(self.shares.values())


def ledger(budget: float = FALSE_ALARM_BUDGET) -> Ledger:
    """The budget in equal shares of the claims that spend it."""
    spending = [claim.id for claim in CLAIMS.values() if claim.spends_error_budget]
    return Ledger(budget, {claim: budget / len(spending) for claim in spending})
