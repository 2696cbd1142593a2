"""From violated claims to the mistake that most likely explains them.

Violations come in bundles: std = exp(logvar) breaks the identity of the sampling step, its variance, its gradients and the Monte Carlo KL
at once. The claim nearest to the cause names it best, so the claims stand in the order in which their word counts, and what a nearer claim
has explained does not count again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

PRECEDENCE = (
    "NET-06",
    "NET-01",
    "OBJ-03",
    "NET-02",
    "NET-04",
    "INT-03",
    "REP-01",
    "REP-03",
    "REP-02",
    "REP-04",
    "REP-06",
    "REP-05",
    "KL-04",
    "OBJ-01",
    "KL-01",
    "OBJ-02",
    "KL-03",
    "OBJ-05",
    "KL-05",
    "KL-02",
    "OBJ-04",
    "NET-03",
    "SMP-05",
    "TRN-07",
    "TRN-06",
    "COL-02",
    "REC-01",
    "COL-01",
    "TRN-02",
    "TRN-01",
    "TRN-04",
    "SMP-03",
    "INT-01",
    "LAT-01",
    "BETA-02",
    "BETA-01",
    "TRN-05",
    "BETA-03",
    "COL-03",
    "BETA-04",
    "LAT-02",
    "SMP-04",
    "REC-02",
    "REC-03",
    "SMP-01",
    "SMP-02",
    "TRN-03",
    "TOY-04",
    "TOY-03",
    "TOY-05",
)
"""Claims in the order in which their naming of a mistake counts: what is seen on one part alone before what several parts take part in."""

DECISIVE = frozenset({"not-a-module", "cuda-always", "batch-size-frozen", "hard-coded-shape"})
"""Mistakes that stop the code from running: whoever names them is right, and everything else follows from them."""

PHENOMENA = frozenset(
    {
        "TRN-03",
        "TRN-05",
        "REC-02",
        "REC-03",
        "SMP-01",
        "SMP-02",
        "SMP-04",
        "LAT-01",
        "LAT-02",
        "BETA-01",
        "BETA-02",
        "BETA-03",
        "BETA-04",
        "COL-03",
    }
)
"""What trainings show of the whole: wherever a part is wrong, it is no surprise, and what the part's own claim says counts."""

_WHOLE = PHENOMENA | {"SMP-03", "INT-01"}

EXPLAINS: Mapping[str, frozenset[str]] = {
    "REP-01": frozenset({"REP-02", "REP-03", "REP-04", "REP-05", "KL-02", "NET-03"}),
    "REP-03": frozenset({"INT-03", "REP-02", "REP-04", "REP-05", "KL-02", "NET-03"}),
    "REP-02": frozenset({"INT-03", "REP-05", "KL-02", "NET-03"}),
    "REP-04": frozenset({"REP-05"}),
    "NET-02": frozenset({"NET-03", "REC-01", "COL-01", "COL-02", "TRN-01", "TRN-02", "TOY-01", "TOY-03", "TOY-04"}),
    "NET-04": frozenset({"INT-03"}),
    "NET-01": frozenset({"NET-03", "REC-01", "COL-01", "COL-02", "TRN-01", "TRN-02"}),
    "OBJ-03": frozenset({"OBJ-02", "REC-01", "TRN-01", "TRN-02", "TRN-04", "TRN-07", "OBJ-05", "COL-01", "COL-02"}),
    "KL-04": frozenset({"OBJ-02", "KL-01", "KL-02", "KL-03", "KL-05"}),
    "KL-01": frozenset({"OBJ-02", "KL-02", "KL-03", "KL-05"}),
    "OBJ-01": frozenset({"OBJ-02", "OBJ-04", "TRN-02", "TRN-04", "TOY-01", "TOY-03", "TOY-04"}),
    "OBJ-02": frozenset(
        {"KL-02", "KL-03", "KL-05", "TRN-01", "TRN-02", "TRN-06", "REC-01", "COL-01", "COL-02", "TOY-01", "TOY-03", "TOY-04"}
    ),
    "KL-03": frozenset({"KL-02", "KL-05", "TRN-06"}),
    "SMP-03": frozenset({"INT-01"}),
    "TOY-03": frozenset({"TOY-05"}),
}
"""Which claims' violations follow from one of this claim's, the phenomena apart."""


_FIRST_TRAINED = PRECEDENCE.index("TRN-07")
"""From here on claims look at trainings."""


def _of_training(claim: str) -> bool:
    return claim in PRECEDENCE[_FIRST_TRAINED:]


def nearness(claim: str) -> int:
    """The place of a claim among those whose naming of a mistake counts, the nearest to its cause first."""
    return PRECEDENCE.index(claim) if claim in PRECEDENCE else len(PRECEDENCE)


def consequences(claim: str, violated: Iterable[str]) -> frozenset[str]:
    """Of the violated claims this one and all whose violation follows from its, by way of one another too."""
    among = frozenset(violated)
    found = frozenset({claim})
    while more := frozenset().union(*map(follows, found)) & among - found:
        found |= more
    return found


def follows(claim: str) -> frozenset[str]:
    """Which claims' violations follow from one of this claim's: for a part's claim the phenomena too."""
    return EXPLAINS.get(claim, frozenset()) | (frozenset() if claim in _WHOLE else PHENOMENA)


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
    parts = [claim for claim in ordered if nearness(claim) < _FIRST_TRAINED]
    decisive = [claim for claim in ordered if votes[claim] in DECISIVE]
    explained: dict[str, str] = {}
    roots: list[str] = []

    def explain(claim: str, among: Sequence[str], mistake: str) -> None:
        """What names a mistake, and what follows from it."""
        roots.append(claim)
        follow = set(votes) if mistake in DECISIVE else consequences(claim, votes)
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
