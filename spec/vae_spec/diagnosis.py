"""Diagnosing the mistake that most likely explains a set of violated claims.

One mistake violates several claims: std = exp(logvar) breaks the identity of the sampling step, its variance, its gradients and the Monte
Carlo KL at once. The claim nearest to the cause identifies it best, so claims are processed in the order of their ranks, and a violation
that is already explained does not count again. Claims on a single part are nearer than claims that involve several parts.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from vae_spec.mistakes import MISTAKES


class Role(StrEnum):
    """How the violation of a claim relates to others in diagnosing the mistake behind them.

    The violation of a `CAUSE` explains phenomena. A `PHENOMENON` is a property of the trained model as a whole: if a part is wrong, its
    violation is expected, and the claim on the part decides. A violation `ALONE` neither follows from others nor explains phenomena.
    """

    CAUSE = "cause"
    PHENOMENON = "phenomenon"
    ALONE = "alone"


class Diagnosable(Protocol):
    """What diagnosis needs to know of a claim: its record has it, and so has the event of its verdict."""

    @property
    def rank(self) -> int | None:
        """Its place among the claims that identify mistakes, nearest to the cause first; None if it has none."""

    @property
    def role(self) -> Role | None:
        """How its violation relates to others; None for a claim on a part."""

    @property
    def explains(self) -> tuple[str, ...]:
        """The ids of the claims whose violation follows from its own."""

    @property
    def trained(self) -> bool:
        """Whether it is judged from trained runs."""


def nearness(claim: Diagnosable) -> float:
    """Return the sort key of a claim among those that identify mistakes, nearest to the cause first."""
    return math.inf if claim.rank is None else claim.rank


def _stops_the_code(mistake: str | None) -> bool:
    return mistake in MISTAKES and MISTAKES[mistake].stops_the_code


def consequences(claim: str, violated: Mapping[str, Diagnosable]) -> frozenset[str]:
    """Return this claim and the violated claims whose violation follows from it, directly or transitively."""
    found = frozenset({claim})
    while more := frozenset().union(*(follows(one, violated) for one in found)) - found:
        found |= more
    return found


def follows(claim: str, violated: Mapping[str, Diagnosable]) -> frozenset[str]:
    """Return the violated claims whose violation follows from that of this one; for a cause these include the phenomena."""
    own = violated[claim]
    explained = set(own.explains)
    if own.role not in {Role.PHENOMENON, Role.ALONE}:
        explained |= {name for name, other in violated.items() if other.role is Role.PHENOMENON}
    return frozenset(explained & violated.keys())


@dataclass(frozen=True)
class Likely:
    """A mistake that explains violations.

    Attributes:
        mistake: its id.
        confidence: share of the violated claims that it explains: those that name it and those that follow from them.
        evidence: ids of these claims.
    """

    mistake: str
    confidence: float
    evidence: tuple[str, ...]


def cleared(exact: Iterable[tuple[Collection[str], bool]]) -> frozenset[str]:
    """Return the mistakes that are ruled out: every exact claim checked that must reject them holds.

    Each exact claim that was checked is given by the mistakes that it must reject, and whether it holds.
    """
    sought: set[str] = set()
    suspected: set[str] = set()
    for mistakes, held in exact:
        sought.update(mistakes)
        if not held:
            suspected.update(mistakes)
    return frozenset(sought - suspected)


def diagnose(votes: Mapping[str, str | None], claims: Mapping[str, Diagnosable], cleared: Collection[str] = ()) -> tuple[Likely, ...]:
    """Return the mistakes that explain a set of violated claims, the likeliest first.

    `votes` are the mistakes that the violated claims name; those `cleared` are ruled out, even if a trained claim names them.
    """
    violated = {claim: claims[claim] for claim in votes}
    ranked = {claim for claim, record in violated.items() if record.rank is not None}
    of_training = {claim for claim in ranked if violated[claim].trained}
    votes = {claim: None if mistake in cleared and claim in of_training else mistake for claim, mistake in votes.items()}
    ordered = sorted(votes, key=lambda claim: nearness(violated[claim]))
    parts = [claim for claim in ordered if claim in ranked - of_training]
    decisive = [claim for claim in ordered if _stops_the_code(votes[claim])]
    explained: dict[str, str] = {}
    roots: list[str] = []

    def explain(claim: str, among: Sequence[str], mistake: str) -> None:
        """Record a claim as the root of a mistake that also explains its consequences."""
        roots.append(claim)
        follow = set(votes) if _stops_the_code(mistake) else consequences(claim, violated)
        for other in among:
            if other == claim or other in follow:
                explained.setdefault(other, mistake)

    for claim in decisive:
        explain(claim, ordered, str(votes[claim]))
    for claim in parts:
        mistake = votes[claim]
        if mistake is not None and claim not in explained:
            explain(claim, parts, mistake)
    for claim in ordered:
        mistake = votes[claim]
        if claim in explained:
            continue
        if mistake in explained.values():
            # If the parts have several mistakes, a trained claim is explained by the one that it names.
            explained[claim] = str(mistake)
        elif cause := next((root for root in roots if claim in consequences(root, violated)), None):
            explained[claim] = explained[cause]
        elif mistake is not None:
            explain(claim, ordered, mistake)
    found: dict[str, list[str]] = {}
    for root in roots:
        found.setdefault(explained[root], [claim for claim in ordered if explained.get(claim) == explained[root]])
    total = max(len(votes), 1)
    return tuple(Likely(mistake, len(claims) / total, tuple(claims)) for mistake, claims in found.items())
