"""The claims of the area SMP."""

from collections.abc import Callable

import pytest

AREA = "SMP"
pytestmark = pytest.mark.trained


def test_claim(claim_id: str, judge_claim: Callable[[str], None]) -> None:
    """One claim holds for the implementation under test."""
    judge_claim(claim_id)
