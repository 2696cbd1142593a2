"""From violated claims to the mistake that most likely explains them.

Violations come in bundles: std = exp(logvar) breaks the identity of the sampling step, its variance, its gradients and the Monte Carlo KL
at once. The claim nearest to the cause names it best, so the claims are taken in the order of their ranks, and what a nearer claim has
explained does not count again. What is seen on one part alone is nearer than what several parts take part in.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from vae_spec.claim import Role
from vae_spec.mistakes import MISTAKES
from vae_spec.registry import CLAIMS

_LAST = max(claim.rank for claim in CLAIMS.values() if claim.rank is not None) + 1


def nearness(claim: str) -> int:
    """The place of a claim among those whose naming of a mistake counts, the nearest to its cause first."""
    rank = CLAIMS[claim].rank
    return _LAST if rank is None else rank


def _on_a_part(claim: str) -> bool:
    return CLAIMS[claim].rank is not None and not CLAIMS[claim].trained


def _of_training(claim: str) -> bool:
    return CLAIMS[claim].rank is not None and CLAIMS[claim].trained


def _stops_the_code(mistake: str | None) -> bool:
    return mistake in MISTAKES and MISTAKES[mistake].stops_the_code


def consequences(claim: str, violated: Iterable[str]) -> frozenset[str]:
    """Of the violated claims this one and all whose violation follows from its, by way of one another too."""
    among = frozenset(violated)
    found = frozenset({claim})
    while more := frozenset().union(*map(follows, found)) & among - found:
        found |= more
    return found


def follows(claim: str) -> frozenset[str]:
    """Which claims' violations follow from one of this claim's: for a cause the phenomena too."""
    named = frozenset(CLAIMS[claim].explains)
    if CLAIMS[claim].role in {Role.PHENOMENON, Role.ALONE}:
        return named
    return named | {other.id for other in CLAIMS.values() if other.role is Role.PHENOMENON}


@dataclass(frozen=True)
class Likely:
    """A mistake that explains violations.

    Attributes:
        mistake: its id.
        confidence: the share of all violated claims that it explains, named by them or following from those that name it.
        evidence: the claims that name it, or whose violation follows.
    """

    mistake: str
    confidence: float
    evidence: tuple[str, ...]


def cleared(exact: Iterable[tuple[Collection[str], bool]]) -> frozenset[str]:
    """Mistakes that are not made: each claim without a training that was asked, and has to reject them, holds.

    Args:
        exact: of each such claim the mistakes that it has to reject, and whether it holds.
    """
    sought: set[str] = set()
    suspected: set[str] = set()
    for mistakes, held in exact:
        sought.update(mistakes)
        if not held:
            suspected.update(mistakes)
    return frozenset(sought - suspected)


def diagnose(votes: Mapping[str, str | None], cleared: Collection[str] = ()) -> tuple[Likely, ...]:
    """The mistakes that explain a set of violated claims, the likeliest first.

    Args:
        votes: violated claim -> the mistake that it names, or None.
        cleared: mistakes that are not made, whatever a training makes one think of.
    """
    votes = {claim: None if mistake in cleared and _of_training(claim) else mistake for claim, mistake in votes.items()}
    ordered = sorted(votes, key=nearness)
    parts = [claim for claim in ordered if _on_a_part(claim)]
    decisive = [claim for claim in ordered if _stops_the_code(votes[claim])]
    explained: dict[str, str] = {}
    roots: list[str] = []

    def explain(claim: str, among: Sequence[str], mistake: str) -> None:
        """What names a mistake, and what follows from it."""
        roots.append(claim)
        follow = set(votes) if _stops_the_code(mistake) else consequences(claim, votes)
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
            # Of several mistakes in the parts, a training shows the one that it names.
            explained[claim] = str(mistake)
        elif cause := next((root for root in roots if claim in consequences(root, votes)), None):
            explained[claim] = explained[cause]
        elif mistake is not None:
            explain(claim, ordered, mistake)
    found: dict[str, list[str]] = {}
    for root in roots:
        found.setdefault(explained[root], [claim for claim in ordered if explained.get(claim) == explained[root]])
    total = max(len(votes), 1)
    return tuple(Likely(mistake, len(claims) / total, tuple(claims)) for mistake, claims in found.items())
