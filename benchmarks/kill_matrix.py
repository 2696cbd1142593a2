"""The kill matrix over several run seeds: every broken entry must be rejected by its named killers, every sound one accepted.

    python benchmarks/kill_matrix.py --seeds 0 1 2 --out FOLDER [--only NAME] [--everything] [--data FILE] [--write]

It takes minutes a seed on two cores, a quarter of an hour with --everything, which asks the comparisons of every sound entry. Results are
kept in FOLDER/results.jsonl and trained runs in FOLDER/runs, so that the script can be stopped and resumed; results of other code are made
anew. --data trains on other images, such as those that tests/garments.py draws. With --write, docs/error-rates.md gets the table of all
results of this code in FOLDER, and docs/confusion.md what was diagnosed. Exits with 1 where an entry is judged wrongly.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import confusion

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))


def judge(job: tuple[str, int, str, bool, str | None]) -> dict[str, object]:
    """One entry under one seed."""
    import torch

    from catalogue_index import entries
    from kill_matrix import judge_entry

    name, seed, store, everything, data = job
    torch.set_num_threads(1)
    entry = next(entry for entry in entries() if entry.name == name)
    started = time.perf_counter()
    row = judge_entry(entry, seed=seed, store=store, everything=everything, data=data)
    outcomes = {claim: str(verdict.outcome) for claim, verdict in row.verdicts.items()}
    votes = {claim: row.verdicts[claim].diagnosis for claim in sorted(row.violated)}
    wrong = (
        sorted(row.surviving_killers)
        if entry.kind == "broken"
        else sorted(claim for claim, outcome in outcomes.items() if outcome not in ("holds", "not-applicable"))
    )
    wrong += [claim for claim, outcome in outcomes.items() if outcome == "error" and claim not in wrong]
    seconds = round(time.perf_counter() - started, 1)
    return {"entry": name, "seed": seed, "outcomes": outcomes, "votes": votes, "wrong": wrong, "seconds": seconds}


def fingerprint(*, everything: bool, data: str | None) -> str:
    """SHA-256 over all that decides a judgement: the specification with its calibration, the suite, the catalogue, what is asked.

    What is made of the judgements is left out: reports, comparisons, and the ranking of the mistakes that violated claims name.
    """
    digest = hashlib.sha256(repr(everything).encode() + (Path(data).read_bytes() if data else b""))
    for folder in ("spec", "conformance", "tests/catalogue"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in (".py", ".json") and not {"report", "comparing", "reproduction", "diagnosis.py"} & set(path.parts):
                digest.update(path.read_bytes())
    return digest.hexdigest()


def page(rows: Sequence[Mapping[str, Any]], data: str | None) -> str:
    """The page docs/error-rates.md: how often each entry was judged rightly, and what so many runs allow to say."""
    images = f" on other images, {Path(data).stem}" if data else ""
    option = f" --data {Path(data).name}" if data else ""
    by_entry: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        by_entry.setdefault(row["entry"], []).append(row)
    sound = [row for row in rows if row["entry"].startswith("sound")]
    broken = [row for row in rows if row["entry"].startswith("broken")]
    asked = sum(outcome in ("holds", "violated", "inconclusive") for row in sound for outcome in row["outcomes"].values())
    alarms = sum(outcome == "violated" for row in sound for outcome in row["outcomes"].values())
    alarmed = sum("violated" in row["outcomes"].values() for row in sound)
    missed = sum(bool(row["wrong"]) for row in broken)
    passed = sum("violated" not in row["outcomes"].values() for row in broken)
    lines = [
        f"# Measured error rates{images}",
        "",
        "Every entry of the catalogue (`tests/catalogue`), judged under several values of `--seed`. Made by",
        f"`python benchmarks/kill_matrix.py --everything{option} --write`, which can be stopped and resumed.",
        "",
        "| | runs | wrongly | what that bounds (95 %) |",
        "|---|---|---|---|",
        f"| sound entries: runs with a violated claim | {len(sound)} | {alarmed} | {_bound(alarmed, len(sound))} a run |",
        f"| sound entries: violated claims among those asked | {asked} | {alarms} | {_bound(alarms, asked)} a claim |",
        f"| broken entries: accepted | {len(broken)} | {passed} | {_bound(passed, len(broken))} a run |",
        f"| broken entries: a named killer did not reject | {len(broken)} | {missed} | {_bound(missed, len(broken))} a run |",
        "",
        "The bounds are exact binomial ones (Clopper and Pearson): no alarm in N runs bounds the rate at 3/N, and says no more.",
        "Runs of one entry share its code, so they bound the rate for implementations like these, not for all.",
        "",
        "| entry | seeds | judged rightly | wrong, or open |",
        "|---|---|---|---|",
    ]
    for name, found in sorted(by_entry.items()):
        wrong = sorted({claim for row in found for claim in row["wrong"]})
        seeds = ", ".join(str(row["seed"]) for row in sorted(found, key=lambda row: row["seed"]))
        lines.append(f"| {name} | {seeds} | {sum(not row['wrong'] for row in found)} of {len(found)} | {', '.join(wrong)} |")
    return "\n".join(lines) + "\n"


def _bound(events: int, trials: int) -> str:
    """The upper end of the one-sided 95 % interval of a rate."""
    from scipy import stats

    if not trials:
        return "nothing"
    bound = float(stats.beta.ppf(0.95, events + 1, trials - events)) if events < trials else 1.0
    return f"at most {bound:.2g}"


def main() -> int:
    """Judge, print the matrix of each seed, and what is wrong."""
    from catalogue_index import entries
    from kill_matrix import claims_without_a_kill, table

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", default="", help="a part of the entries' names")
    parser.add_argument("--everything", action="store_true", help="ask the comparisons of every sound entry")
    parser.add_argument("--data", help="train on the images of this archive (.npz) in place of the embedded digits")
    parser.add_argument("--write", action="store_true", help="write docs/error-rates.md and docs/confusion.md")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    log, code = given.out / "results.jsonl", fingerprint(everything=given.everything, data=given.data)
    known = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    done = {(row["entry"], row["seed"]): row for row in known if row.get("code") == code}
    names = [entry.name for entry in entries() if given.only in entry.name]
    jobs = [
        (name, seed, str(given.out / "runs"), given.everything, given.data)
        for seed in given.seeds
        for name in names
        if (name, seed) not in done
    ]
    with ProcessPoolExecutor(2) as pool:
        for future in as_completed([pool.submit(judge, job) for job in jobs]):
            row = future.result()
            done[str(row["entry"]), int(str(row["seed"]))] = row
            with log.open("a") as file:
                file.write(json.dumps({**row, "code": code}) + "\n")
            print(f"seed {row['seed']}  {row['entry']}: {'WRONG ' + ', '.join(row['wrong']) if row['wrong'] else 'right'}", flush=True)  # type: ignore[arg-type]
    wrong = 0
    for seed in given.seeds:
        rows = {name: done[name, seed] for name in names}
        print(f"\nseed {seed}: X violated, . holds, - not applicable, ? inconclusive, blank not asked")
        print(table({name: row["outcomes"] for name, row in rows.items()}))
        idle = claims_without_a_kill(row["outcomes"] for name, row in rows.items() if name.startswith("broken"))
        print(f"claims that rejected no broken entry: {', '.join(sorted(idle)) or 'none'}")
        for name, row in rows.items():
            if row["wrong"]:
                wrong += 1
                print(f"judged wrongly: {name}: {', '.join(row['wrong'])}")
    if given.write:
        other = f"-{Path(given.data).stem}" if given.data else ""
        (ROOT / "docs" / f"error-rates{other}.md").write_text(page(list(done.values()), given.data), encoding="utf-8")
        if not given.data:
            (ROOT / "docs" / "confusion.md").write_text(confusion.page(list(done.values()), entries()), encoding="utf-8")
    print(f"\n{len(names) * len(given.seeds) - wrong} of {len(names) * len(given.seeds)} judged rightly")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
