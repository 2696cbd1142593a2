"""The page of measured error rates: how often each entry of the catalogue was judged correctly, with confidence bounds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scipy import stats

ASKED = frozenset({"holds", "violated", "inconclusive"})
"""Outcomes of claims that apply."""
CONFIDENCE = 0.95


def page(rows: Sequence[Mapping[str, Any]], data: str | None) -> str:
    """Render the page docs/error-rates.md.

    Args:
        rows: the records of kill_matrix.py, one per entry and seed.
        data: the archive of images that the entries were trained on, or None for the embedded digits.
    """
    images = f" on other images, {Path(data).stem}" if data else ""
    option = f" --data {Path(data).name}" if data else ""
    by_entry: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        by_entry.setdefault(row["entry"], []).append(row)
    sound = [row for row in rows if row["entry"].startswith("sound")]
    broken = [row for row in rows if row["entry"].startswith("broken")]
    asked = sum(outcome in ASKED for row in sound for outcome in row["outcomes"].values())
    alarms = sum(outcome == "violated" for row in sound for outcome in row["outcomes"].values())
    alarmed = sum("violated" in row["outcomes"].values() for row in sound)
    missed = sum(bool(row["wrong"]) for row in broken)
    passed = sum("violated" not in row["outcomes"].values() for row in broken)
    lines = [
        f"# Measured error rates{images}",
        "",
        "Every entry of the catalogue (`tests/catalogue`), judged under several values of `--seed`. Made by",
        f"`python benchmarks/kill_matrix.py --everything{option} --write`, which can be stopped and resumed.",
        *_commits(sound, broken),
        *_killers_alone(broken),
        "",
        "| | runs | wrongly | what that bounds (95 %) |",
        "|---|---|---|---|",
        f"| sound entries: runs with a violated claim | {len(sound)} | {alarmed} | {bound(alarmed, len(sound))} a run |",
        f"| sound entries: violated claims among those asked | {asked} | {alarms} | {bound(alarms, asked)} a claim |",
        f"| broken entries: accepted | {len(broken)} | {passed} | {bound(passed, len(broken))} a run |",
        f"| broken entries: a named killer did not reject | {len(broken)} | {missed} | {bound(missed, len(broken))} a run |",
        "",
        "The bounds are exact binomial ones (Clopper and Pearson): no alarm in N runs bounds the rate at 3/N, and says no more.",
        "Runs of one entry share its code, so they bound the rate for implementations like these, not for all.",
        "A wrong judgement is mended and its entry run anew, so the table tells what is left, not what was found on the way.",
        "",
        "| entry | seeds | judged rightly | wrong, or open |",
        "|---|---|---|---|",
    ]
    for name, found in sorted(by_entry.items()):
        undecided = _open(found)
        wrong = [f"{claim} (open)" if claim in undecided else claim for claim in sorted({claim for row in found for claim in row["wrong"]})]
        seeds = _ranges(sorted(row["seed"] for row in found))
        lines.append(f"| {name} | {seeds} | {sum(not row['wrong'] for row in found)} of {len(found)} | {', '.join(wrong)} |")
    return "\n".join(lines) + "\n"


def _open(rows: Sequence[Mapping[str, Any]]) -> set[str]:
    """Return the claims that were judged wrongly only because they were inconclusive, in every run that lists them."""
    listed = [(claim, row["outcomes"].get(claim)) for row in rows for claim in row["wrong"]]
    return {claim for claim, _ in listed} - {claim for claim, outcome in listed if outcome != "inconclusive"}


def bound(events: int, trials: int) -> str:
    """The upper end of the one-sided 95 % interval of a rate, in words."""
    if not trials:
        return "nothing"
    limit = float(stats.beta.ppf(CONFIDENCE, events + 1, trials - events)) if events < trials else 1.0
    return f"at most {limit:.2g}"


def _commits(sound: Sequence[Mapping[str, Any]], broken: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a line that says at which commits the runs were made."""
    counted = []
    for kind, rows in (("sound", sound), ("broken", broken)):
        counts = Counter(row["commit"] for row in rows if row.get("commit"))
        counted += [
            f"{count} {'run' if count == 1 else 'runs'} of {kind} entries at commit `{commit}`" for commit, count in sorted(counts.items())
        ]
    return [f"Made at: {', '.join(counted)}."] if counted else []


def _killers_alone(broken: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a line that says how many runs of broken entries asked their named killers alone."""
    alone = sum(bool(row.get("killers_alone")) for row in broken)
    return [f"{alone} of the runs of broken entries asked their named killers alone (`--killers`)."] if alone else []


def _ranges(seeds: Sequence[int]) -> str:
    """Format ascending seeds, with consecutive ones as a range."""
    runs: list[list[int]] = []
    for seed in seeds:
        if runs and seed == runs[-1][1] + 1:
            runs[-1][1] = seed
        else:
            runs.append([seed, seed])
    return ", ".join(str(first) if first == last else f"{first} to {last}" for first, last in runs)
