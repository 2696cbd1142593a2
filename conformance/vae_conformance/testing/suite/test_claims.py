"""Every claim of a run as a test of its own; none without `--vae`."""

from __future__ import annotations

import pytest

from vae_conformance.testing.asking import Asking


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test for each claim of the run."""
    asking = Asking.of(metafunc.config)
    claims = [] if asking is None else asking.claims()
    marked = [pytest.param(claim.id, marks=pytest.mark.trained if claim.trained else (), id=claim.id) for claim in claims]
    metafunc.parametrize("claim_id", marked)


def test_claim(claim_id: str, request: pytest.FixtureRequest) -> None:
    """One claim holds for the implementation under test."""
    asking = Asking.of(request.config)
    assert asking is not None
    asking.judge(claim_id, request.session)
