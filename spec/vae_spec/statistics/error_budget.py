"""The error ledger: how the run's false-alarm budget is shared among the claims that decide by chance, and what each share buys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from vae_spec.trial import FALSE_ALARM_BUDGET

STATISTICAL_CLAIMS = ("KL-02", "REP-02", "REP-05", "NET-03", "SMP-05")
"""The exact claims whose verdict rests on random draws; every other exact claim is an identity."""


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
    """The budget in equal shares."""
    return Ledger(budget, {claim: budget / len(STATISTICAL_CLAIMS) for claim in STATISTICAL_CLAIMS})
