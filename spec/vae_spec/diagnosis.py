"""Diagnosing the mistake that most likely explains a set of violated claims.

One mistake violates several claims: std = exp(logvar) breaks the identity of the sampling step, its variance, its gradients and the Monte
Carlo KL at once. The claim nearest to the cause identifies it best, so claims are processed in the order of their ranks, and a violation
that is already explained does not count again. Claims on a single part are nearer than claims that involve several parts.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from vae_spec.claim import Role
from vae_spec.mistakes import MISTAKES
from vae_spec.registry import CLAIMS

_LAST = max(claim.rank for claim in CLAIMS.values() if claim.rank is not None) + 1


def nearness(claim: str) -> int:
    """Return the sort key of a claim among those that identify mistakes, nearest to the cause first."""
    rank = CLAIMS[claim].rank
    return _LAST if rank is None else rank


def _on_a_part(claim: str) -> bool:
    return CLAIMS[claim].rank is not None and not CLAIMS[claim].trained


def _of_training(claim: str) -> bool:
    return CLAIMS[claim].rank is not None and CLAIMS[claim].trained


def _stops_the_code(mistake: str | None) -> bool:
    return mistake in MISTAKES and MISTAKES[mistake].stops_the_code


def consequences(claim: str, violated: Iterable[str]) -> frozenset[str]:
    """Return this claim and the violated claims whose violation follows from it, directly or transitively."""
    among = frozenset(violated)
    found = frozenset({claim})
    while more := frozenset().union(*map(follows, found)) & among - found:
        found |= more
    return found


def follows(claim: str) -> frozenset[str]:
    """Return the claims whose violation follows from a violation of this one; for a cause this includes the phenomena."""
    named = frozenset(CLAIMS[claim].explains)
    if CLAIMS[claim].role in {Role.PHENOMENON, Role.ALONE}:
        return named
    return named | {other.id for other in CLAIMS.values() if other.role is Role.PHENOMENON}


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

    Args:
        exact: for each exact claim checked, the mistakes that it must reject, and whether it holds.
    """
    sought: set[str] = set()
    suspected: set[str] = set()
    for mistakes, held in exact:
        sought.update(mistakes)
        if not held:
            suspected.update(mistakes)
    return frozenset(sought - suspected)


def diagnose(votes: Mapping[str, str | None], cleared: Collection[str] = ()) -> tuple[Likely, ...]:
    """Return the mistakes that explain a set of violated claims, the likeliest first.

    Args:
        votes: by violated claim, the mistake that it names, or None.
        cleared: mistakes that are ruled out, even if a trained claim names them.
    """
    votes = {claim: None if mistake in cleared and _of_training(claim) else mistake for claim, mistake in votes.items()}
    ordered = sorted(votes, key=nearness)
    parts = [claim for claim in ordered if _on_a_part(claim)]
    decisive = [claim for claim in ordered if _stops_the_code(votes[claim])]
    explained: dict[str, str] = {}
    roots: list[str] = []

    def explain(claim: str, among: Sequence[str], mistake: str) -> None:
        """Record a claim as the root of a mistake that also explains its consequences."""
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
            # If the parts have several mistakes, a trained claim is explained by the one that it names.
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
