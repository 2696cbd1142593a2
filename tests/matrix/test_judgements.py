"""Judgements of the kill matrix are written to a file and read back unchanged, and the repository's pages match its judgements."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from doc_pages import ROOT, read, script

from catalogue_index import entries
from vae_spec.registry import CLAIMS

ROWS: list[dict[str, Any]] = [
    {"entry": "sound/b", "seed": 1, "outcomes": {"KL-01": "holds", "TRN-02": "inconclusive"}, "wrong": ["TRN-02"], "commit": "abc"},
    {"entry": "broken/a", "seed": 0, "outcomes": {"KL-01": "violated", "NET-01": "error"}, "wrong": [], "votes": {"KL-01": None}},
    {"entry": "sound/b", "seed": 0, "outcomes": {"NET-01": "not-applicable"}, "wrong": []},
]
IDS = ("KL-01", "NET-01", "TRN-02")


@pytest.fixture(scope="module")
def judgements() -> ModuleType:
    return script("judgements", ROOT / "benchmarks")


def test_judgements_are_read_as_they_were_written(judgements: ModuleType, tmp_path: Path) -> None:
    file = tmp_path / "kept.jsonl"
    assert judgements.read(file) == []
    judgements.write(ROWS, IDS, file)
    assert judgements.read(file) == [ROWS[1], ROWS[2], ROWS[0]]
    first = file.read_bytes()
    judgements.write(judgements.read(file), IDS, file)
    assert file.read_bytes() == first


DAMAGES = {
    "empty": "",
    "no JSON": "{",
    "another number of claims": '{"claims": ["KL-01"]}\n{"outcomes": "..", "entry": "a"}',
    "an unknown sign": '{"claims": ["KL-01"]}\n{"outcomes": "Z", "entry": "a"}',
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_file_is_none(judgements: ModuleType, tmp_path: Path, damage: str) -> None:
    (tmp_path / "kept.jsonl").write_text(damage)
    with pytest.raises(ValueError, match=r"kept\.jsonl holds no judgements"):
        judgements.read(tmp_path / "kept.jsonl")


def test_the_published_page_is_that_of_the_kept_judgements(judgements: ModuleType) -> None:
    rows = judgements.read()
    assert script("error_rates", ROOT / "benchmarks").page(rows, None) == read("error-rates")
    assert {row["entry"] for row in rows} <= {entry.name for entry in entries()}
    assert set().union(*(row["outcomes"] for row in rows)) <= CLAIMS.keys()
    assert all(re.fullmatch(r"[0-9a-f]{7,40}", row["commit"]) for row in rows)
