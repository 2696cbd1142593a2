"""The page of error rates counts wrong judgements, and says at which commit they were made."""

from __future__ import annotations

from types import ModuleType

import pytest
from doc_pages import ROOT, script


@pytest.fixture(scope="module")
def error_rates() -> ModuleType:
    return script("error_rates", ROOT / "benchmarks")


def row(entry: str, seed: int, outcomes: dict[str, str], wrong: tuple[str, ...] = (), commit: str = "abc1234") -> dict[str, object]:
    return {"entry": entry, "seed": seed, "outcomes": outcomes, "wrong": list(wrong), "commit": commit}


GOOD, ALARM = {"KL-01": "holds", "SMP-05": "not-applicable"}, {"KL-01": "holds", "TRN-02": "violated"}


def test_alarms_and_misses_are_counted_by_run_and_by_claim(error_rates: ModuleType) -> None:
    rows = [
        *(row("sound/careless", seed, GOOD) for seed in range(9)),
        row("sound/careless", 9, ALARM, ("TRN-02",)),
        row("broken/kl-sign", 0, {"OBJ-01": "violated"}),
        row("broken/kl-sign", 1, {"OBJ-01": "holds"}, ("OBJ-01",)),
        row("broken/kl-sign", 2, {"OBJ-01": "holds", "KL-01": "violated"}, ("OBJ-01",)),
    ]
    page = error_rates.page(rows, None)
    assert "| sound entries: runs with a violated claim | 10 | 1 | at most 0.39 a run |" in page
    assert "| sound entries: violated claims among those asked | 11 | 1 | at most 0.36 a claim |" in page
    assert "| broken entries: accepted | 3 | 1 | at most 0.86 a run |" in page
    assert "| broken entries: a named killer did not reject | 3 | 2 | at most 0.98 a run |" in page
    assert "| broken/kl-sign | 0 to 2 | 1 of 3 | OBJ-01 |" in page
    assert "| sound/careless | 0 to 9 | 9 of 10 | TRN-02 |" in page


def test_commits_are_listed_by_kind(error_rates: ModuleType) -> None:
    rows = [row("sound/careless", 0, GOOD), row("sound/careless", 2, GOOD), row("broken/kl-sign", 0, ALARM, commit="def5678")]
    page = error_rates.page(rows, None)
    assert "Made at: 2 runs of sound entries at commit `abc1234`, 1 run of broken entries at commit `def5678`." in page
    assert "| sound/careless | 0, 2 | 2 of 2 |  |" in page


def test_inconclusive_claims_are_distinguished_from_wrong_ones(error_rates: ModuleType) -> None:
    near, far = {"REC-03": "inconclusive", "TRN-02": "inconclusive"}, {"REC-03": "holds", "TRN-02": "violated"}
    rows = [row("sound/careless", 0, near, ("REC-03", "TRN-02")), row("sound/careless", 1, far, ("TRN-02",))]
    page = error_rates.page(rows, None)
    assert "| sound/careless | 0 to 1 | 0 of 2 | REC-03 (open), TRN-02 |" in page


def test_runs_that_asked_the_named_killers_alone_are_counted(error_rates: ModuleType) -> None:
    fully, alone = row("broken/kl-sign", 0, ALARM), row("broken/kl-sign", 1, ALARM) | {"killers_alone": True}
    line = "1 of the runs of broken entries asked their named killers alone (`--killers`)."
    assert line in error_rates.page([fully, alone], None)
    assert "--killers" not in error_rates.page([fully], None)


@pytest.mark.parametrize(("events", "trials", "bound"), [(0, 300, "at most 0.0099"), (5, 5, "at most 1"), (0, 0, "nothing")])
def test_the_bound_is_the_exact_binomial_one(error_rates: ModuleType, events: int, trials: int, bound: str) -> None:
    assert error_rates.bound(events, trials) == bound
