"""The claims of the area REP."""

from collections.abc import Callable

AREA = "REP"


def test_claim(claim_id: str, judge_claim: Callable[[str], None]) -> None:
    """One claim holds for the implementation under test."""
    judge_claim(claim_id)
