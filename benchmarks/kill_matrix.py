"""The kill matrix over several run seeds: every broken entry must be rejected by its named killers, every sound one accepted.

    python benchmarks/kill_matrix.py --seeds 0 1 2 --out FOLDER [--only NAME] [--everything] [--killers] [--data FILE] [--keep] [--write]

It takes minutes per seed on two cores, or an hour with --everything, which asks the comparisons of every sound entry. With --killers,
broken entries are asked their named killers alone, which shows whether they are rejected but not which mistake is named. Results are kept
in FOLDER/results.jsonl and trained runs in FOLDER/runs, so the script can be stopped and resumed. Results of other code are computed
again; with --keep they count for entries that have not changed, including those of benchmarks/judgements.jsonl. --data trains on other
images, such as those of tests/samples/garments.py. With --write, all results that count are written: their table, with the commit of
each, to docs/error-rates.md, the diagnoses to docs/confusion.md, and the results themselves to benchmarks/judgements.jsonl. The exit code
is 1 if any entry is judged wrongly.
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import json
import subprocess
import sys
import time
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

import confusion
import error_rates
import judgements

if TYPE_CHECKING:
    from catalogue_index import Entry

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT / "tests" / "samples"), str(ROOT / "tests" / "matrix")]


def judge(job: tuple[str, int, str, bool, bool, str | None]) -> dict[str, object]:
    """Judge one entry under one seed."""
    import torch

    from catalogue_index import entries
    from kill_matrix import judge_entry

    name, seed, store, everything, killers, data = job
    torch.set_num_threads(1)
    entry = next(entry for entry in entries() if entry.name == name)
    started = time.perf_counter()
    judged = judge_entry(entry, seed=seed, store=store, everything=everything, killers=killers, data=data)
    outcomes = {claim: str(verdict.outcome) for claim, verdict in judged.verdicts.items()}
    votes = {claim: judged.verdicts[claim].diagnosis for claim in sorted(judged.violated)}
    wrong = (
        sorted(judged.surviving_killers)
        if entry.kind == "broken"
        else sorted(claim for claim, outcome in outcomes.items() if outcome not in ("holds", "not-applicable"))
    )
    wrong += [claim for claim, outcome in outcomes.items() if outcome == "error" and claim not in wrong]
    seconds = round(time.perf_counter() - started, 1)
    row = {"entry": name, "seed": seed, "outcomes": outcomes, "votes": votes, "wrong": wrong, "seconds": seconds}
    gc.collect()  # models and their trainings form reference cycles
    asked = {"killers_alone": True} if killers and entry.kind == "broken" else {}
    return row | asked | {"source": source(entry)}


def source(entry: Entry) -> str:
    """Return the SHA-256 of an entry's file."""
    return hashlib.sha256(entry.path.read_bytes()).hexdigest()


def commit() -> str:
    """Return the commit that is checked out, marked "-dirty" if files differ from it; an empty string outside a repository."""
    described = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=False)
    return described.stdout.strip()


def fingerprint(*, everything: bool, killers: bool, data: str | None) -> str:
    """Return the SHA-256 of everything that decides a judgement: specification, calibration, suite, catalogue, and what is asked.

    Code that only uses judgements is left out: reports, comparisons, and the ranking of the mistakes that violated claims name.
    """
    digest = hashlib.sha256(repr((everything, killers)).encode() + (Path(data).read_bytes() if data else b""))
    for folder in ("spec", "conformance", "tests/catalogue"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in (".py", ".json") and not {"report", "comparing", "reproduction", "diagnosis.py"} & set(path.parts):
                digest.update(path.read_bytes())
    return digest.hexdigest()


def main() -> int:
    """Judge all entries, and print the matrix of each seed and the wrong judgements."""
    from catalogue_index import entries
    from kill_matrix import claims_without_a_kill, table
    from vae_spec.registry import CLAIMS

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", default="", help="a part of the entries' names")
    parser.add_argument("--everything", action="store_true", help="ask the comparisons of every sound entry")
    parser.add_argument("--killers", action="store_true", help="ask broken entries their named killers alone")
    parser.add_argument("--data", help="train on the images of this archive (.npz) in place of the embedded digits")
    parser.add_argument("--keep", action="store_true", help="let results of other code count where the entry is as it was")
    parser.add_argument("--write", action="store_true", help="write docs/error-rates.md and docs/confusion.md")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    log, code = given.out / "results.jsonl", fingerprint(everything=given.everything, killers=given.killers, data=given.data)
    known = judgements.read() if given.keep and not given.data else []
    known += [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    sources = {entry.name: source(entry) for entry in entries()}
    kept = [row for row in known if row.get("code") == code or (given.keep and row.get("source") == sources.get(row["entry"]))]
    done = {(row["entry"], row["seed"]): row for row in kept if given.killers or not row.get("killers_alone")}
    names = [name for name in sources if given.only in name]
    jobs = [
        (name, seed, str(given.out / "runs"), given.everything, given.killers, given.data)
        for seed in given.seeds
        for name in names
        if (name, seed) not in done
    ]
    made_at = {"code": code, "commit": commit()}
    # Workers are replaced after a few entries, because their memory grows with each.
    with get_context("spawn").Pool(2, maxtasksperchild=5) as pool:
        for judged in pool.imap_unordered(judge, jobs):
            row = judged | made_at
            done[str(row["entry"]), int(str(row["seed"]))] = row
            with log.open("a") as file:
                file.write(json.dumps(row) + "\n")
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
        (ROOT / "docs" / f"error-rates{other}.md").write_text(error_rates.page(list(done.values()), given.data), encoding="utf-8")
        if not given.data:
            judgements.write(list(done.values()), list(CLAIMS))
            (ROOT / "docs" / "confusion.md").write_text(confusion.page(list(done.values()), entries()), encoding="utf-8")
    print(f"\n{len(names) * len(given.seeds) - wrong} of {len(names) * len(given.seeds)} judged rightly")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
