"""The kill matrix over several run seeds: every broken entry must be rejected by its named killers, every sound one accepted.

    python benchmarks/kill_matrix.py --seeds 0 1 2 --out FOLDER [--only NAME]

It takes minutes a seed on two cores. Results are kept in FOLDER/results.jsonl and trained runs in FOLDER/runs, so that the script can be
stopped and resumed; results of other code are made anew. Exits with 1 where an entry is judged wrongly.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))


def judge(job: tuple[str, int, str]) -> dict[str, object]:
    """One entry under one seed."""
    import torch

    from catalogue_index import entries
    from kill_matrix import judge_entry

    name, seed, store = job
    torch.set_num_threads(1)
    entry = next(entry for entry in entries() if entry.name == name)
    started = time.perf_counter()
    row = judge_entry(entry, seed=seed, store=store)
    outcomes = {claim: str(verdict.outcome) for claim, verdict in row.verdicts.items()}
    wrong = (
        sorted(row.surviving_killers)
        if entry.kind == "broken"
        else sorted(claim for claim, outcome in outcomes.items() if outcome not in ("holds", "not-applicable"))
    )
    wrong += [claim for claim, outcome in outcomes.items() if outcome == "error" and claim not in wrong]
    return {"entry": name, "seed": seed, "outcomes": outcomes, "wrong": wrong, "seconds": round(time.perf_counter() - started, 1)}


def main() -> int:
    """Judge, print the matrix of each seed, and what is wrong."""
    from catalogue_index import entries
    from kill_matrix import claims_without_a_kill, table
    from vae_conformance.experiments.laboratory import code_fingerprint

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", default="", help="a part of the entries' names")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    log, code = given.out / "results.jsonl", code_fingerprint()
    known = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    done = {(row["entry"], row["seed"]): row for row in known if row.get("code") == code}
    names = [entry.name for entry in entries() if given.only in entry.name]
    jobs = [(name, seed, str(given.out / "runs")) for seed in given.seeds for name in names if (name, seed) not in done]
    with ProcessPoolExecutor(2) as pool:
        for row in pool.map(judge, jobs):
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
    print(f"\n{len(names) * len(given.seeds) - wrong} of {len(names) * len(given.seeds)} judged rightly")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
