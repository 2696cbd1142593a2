"""The context in which a claim is checked: the run's seed, the claim's share of the error budget, the number of examples."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

FALSE_ALARM_BUDGET = 1e-6
"""Probability that a run on a sound implementation has any false alarm from an exact-tail test."""


def derive_seed(*labels: object) -> int:
    """Return a seed below 2**63 from the run's seed, a claim's id and labels of the example; stable across processes and versions."""
    text = "\x1f".join(str(label) for label in labels)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


@dataclass(frozen=True)
class ClaimContext:
    """The context of one check of one claim.

    Attributes:
        claim: the claim's id.
        seed: the run's seed.
        examples: number of examples for a property.
        level: this claim's share of the run's false-alarm budget, for exact-tail tests.
        target: the user's name for the implementation, for messages on how to reproduce.
    """

    claim: str
    seed: int
    examples: int = 40
    level: float = FALSE_ALARM_BUDGET / 32
    target: str = ""

    def rng_seed(self, *labels: object) -> int:
        """Return the seed of one example of this claim."""
        return derive_seed(self.seed, self.claim, *labels)
