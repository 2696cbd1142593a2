"""Every broken entry is rejected by its named killers, every sound one is accepted; run with `-m matrix`."""

from __future__ import annotations

import os

import pytest
from catalogue_index import Entry, entries

from kill_matrix import judge_entry

SEED = int(os.environ.get("VAE_CONFORMANCE_MATRIX_SEED", "0"))

pytestmark = pytest.mark.matrix


def _ids(entry: Entry) -> str:
    return entry.name


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tmp_path_factory.mktemp("runs"))


@pytest.mark.parametrize("entry", entries("broken"), ids=_ids)
def test_broken_entry_is_rejected_by_its_killers(entry: Entry, store: str, record_property: pytest.FixtureRequest) -> None:
    row = judge_entry(entry, seed=SEED, store=store)
    record_property(
        "matrix",
        {"entry": entry.name, "outcomes": {claim: str(verdict.outcome) for claim, verdict in row.verdicts.items()}},
    )
    errors = {claim: verdict.message for claim, verdict in row.verdicts.items() if verdict.outcome == "error"}
    assert not errors
    if entry.waits_for is not None:
        return
    assert not row.surviving_killers, f"did not reject it: {sorted(row.surviving_killers)}"


@pytest.mark.parametrize("entry", entries("sound"), ids=_ids)
def test_sound_entry_is_accepted(entry: Entry, store: str, record_property: pytest.FixtureRequest) -> None:
    row = judge_entry(entry, seed=SEED, store=store)
    record_property(
        "matrix",
        {"entry": entry.name, "outcomes": {claim: str(verdict.outcome) for claim, verdict in row.verdicts.items()}},
    )
    rejected = {claim: verdict.message for claim, verdict in row.verdicts.items() if verdict.outcome not in ("holds", "not-applicable")}
    assert not rejected
