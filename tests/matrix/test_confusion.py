"""The confusion table shows which mistake was named for each broken entry, and the rank of the true one."""

from __future__ import annotations

from types import ModuleType

import pytest
from doc_pages import ROOT, script

from catalogue_index import entries


@pytest.fixture(scope="module")
def confusion() -> ModuleType:
    return script("confusion", ROOT / "benchmarks")


def row(entry: str, seed: int, **votes: str | None) -> dict[str, object]:
    named = {claim.replace("_", "-"): vote for claim, vote in votes.items()}
    return {"entry": entry, "seed": seed, "votes": named, "outcomes": dict.fromkeys(named, "violated")}


def test_a_run_that_asked_the_named_killers_alone_is_not_diagnosed(confusion: ModuleType) -> None:
    rows = [row("broken/std-no-half", 0, REP_01="std-no-half"), row("broken/std-no-half", 1, REP_01=None) | {"killers_alone": True}]
    assert [named.seed for named in confusion.diagnosed(rows, entries())] == [0]


def test_the_true_mistake_is_found_at_its_rank(confusion: ModuleType) -> None:
    rows = [
        row("broken/std-no-half", 0, REP_01="std-no-half", KL_02=None),
        row("broken/std-no-half", 1, OBJ_01="kl-sign", REP_01="std-no-half"),
        row("broken/missing-half", 0, KL_02=None),
        row("sound/careless", 0),
    ]
    ranks = {(named.entry, named.seed): (named.first, named.rank) for named in confusion.diagnosed(rows, entries())}
    assert ranks == {
        ("broken/std-no-half", 0): ("std-no-half", 1),
        ("broken/std-no-half", 1): ("std-no-half", 1),
        ("broken/missing-half", 0): ("none", None),
    }


def test_the_page_counts_what_was_named_first_and_what_was_not(confusion: ModuleType) -> None:
    rows = [
        row("broken/kl-sign", 0, OBJ_01="kl-sign"),
        row("broken/kl-sign", 1, REP_01="std-no-half", OBJ_01="kl-sign"),
        row("broken/missing-half", 0, KL_02=None),
        row("sound/careless", 0),
    ]
    page = confusion.page(rows, entries())
    assert "| 2 broken entries, 2 seeds | runs | share |" in page
    assert "| the true mistake is named first | 1 of 3 | 33.3 % |" in page
    assert "| the true mistake is among the first 3 | 2 of 3 | 66.7 % |" in page
    assert "| a sound entry is said to make a mistake | 0 of 1 | 0.0 % |" in page
    assert "| [kl-sign](mistakes.md#kl-sign) | 2 | 1 | std-no-half: 1 (2) |" in page
    assert "| [missing-half](mistakes.md#missing-half) | 1 | 0 | none: 1 (not named) |" in page
    assert page.endswith("## Entries with something else first\n\n- broken/kl-sign\n- broken/missing-half\n")


def test_what_exact_claims_exclude_is_not_named_for_a_training(confusion: ModuleType) -> None:
    found = row("broken/kl-sign", 0, TRN_06="beta-unused")
    assert confusion.named(found) == ("beta-unused",)
    assert confusion.named(found | {"outcomes": {"OBJ-01": "holds", "OBJ-04": "holds", "TRN-06": "violated"}}) == ()
