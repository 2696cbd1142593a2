"""Broken entries are rejected by their killers, sound ones accepted, and all match golden.jsonl; run with `-m matrix`."""

from __future__ import annotations

import os

import pytest

import golden
from catalogue_index import Entry, entries
from kill_matrix import Row, judge_entry
from trained_runs import folder

SEED = int(os.environ.get("VAE_CONFORMANCE_MATRIX_SEED", str(golden.SEED)))
GOLDEN = golden.read()

pytestmark = pytest.mark.matrix


def _ids(entry: Entry) -> str:
    return entry.name


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(folder() or tmp_path_factory.mktemp("runs"))


def _judged(entry: Entry, store: str, record_property: pytest.FixtureRequest) -> Row:
    row = judge_entry(entry, seed=SEED, store=store)
    record_property(
        "matrix",
        {"entry": entry.name, "outcomes": {claim: str(verdict.outcome) for claim, verdict in row.verdicts.items()}},
    )
    if SEED == golden.SEED:
        assert row.exact == GOLDEN.get(entry.name), "python tests/matrix/make_golden.py writes golden.jsonl anew, where the change is meant"
    return row


def test_golden_judgements_are_of_the_entries_that_there_are() -> None:
    assert sorted(GOLDEN) == sorted(entry.name for entry in entries())


@pytest.mark.parametrize("entry", entries("broken"), ids=_ids)
def test_broken_entry_is_rejected_by_its_killers(entry: Entry, store: str, record_property: pytest.FixtureRequest) -> None:
    row = _judged(entry, store, record_property)
    errors = {claim: verdict.message for claim, verdict in row.verdicts.items() if verdict.outcome == "error"}
    assert not errors
    if entry.waits_for is not None:
        return
    assert not row.surviving_killers, f"did not reject it: {sorted(row.surviving_killers)}"
    if SEED == golden.SEED and not GOLDEN[entry.name].violated:
        assert row.violated == set(entry.killers), "where no exact claim rejects it, its killers are all that do"


@pytest.mark.parametrize("entry", entries("sound"), ids=_ids)
def test_sound_entry_is_accepted(entry: Entry, store: str, record_property: pytest.FixtureRequest) -> None:
    row = _judged(entry, store, record_property)
    rejected = {claim: verdict.message for claim, verdict in row.verdicts.items() if verdict.outcome not in ("holds", "not-applicable")}
    assert not rejected
