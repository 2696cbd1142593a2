"""The conditions under which a claim is asked: the run's seed, its share of the error budget, how many examples."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

FALSE_ALARM_BUDGET = 1e-6
"""The probability that a run with sound code sees any false alarm from an exact-tail test."""


def derive_seed(*labels: object) -> int:
    """A seed below 2**63 from the run's seed, a claim's id and whatever names the example; stable over processes and versions."""
    text = "\x1f".join(str(label) for label in labels)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


@dataclass(frozen=True)
class Trial:
    """One asking of one claim.

    Attributes:
        claim: the claim's id.
        seed: the run's seed.
        examples: how many examples a property is tried on.
        level: this claim's share of the run's false-alarm budget, for exact-tail tests.
        target: what the user called the implementation, for messages that say how to repeat.
    """

    claim: str
    seed: int
    examples: int = 40
    level: float = FALSE_ALARM_BUDGET / 32
    target: str = ""

    def rng_seed(self, *labels: object) -> int:
        """The seed of one example of this claim."""
        return derive_seed(self.seed, self.claim, *labels)
